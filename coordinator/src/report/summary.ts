import type { Job as ProtoJob } from '@kbisect/shared/gen/kbisect/v1/farm';
import { commitId, type CommitId } from '@kbisect/shared/ids';
import type { Farm } from '../scheduler/farm.js';
import type { Job } from '../scheduler/job.js';
import { waitingFor } from '../scheduler/needs.js';
import { PastJob, type KnownJob } from '../scheduler/past-job.js';

/** A job in short, as lists and `--json` show it. */
export async function summaryOf(
  job: KnownJob,
  { agents }: Pick<Farm, 'agents'>,
  subject: (commit: CommitId) => Promise<string>,
): Promise<ProtoJob> {
  const short =
    job instanceof PastJob ? job.inShort : { ...inShort(job), waiting: waitingFor(job, agents.values()) };
  return { ...short, culpritSubject: short.culprit ? await subject(commitId(short.culprit)) : '' };
}

/** A job in short, but for its culprit's subject, which is in git, and for what it waits for. */
export function inShort(job: Job): ProtoJob {
  const { id, spec, state, culprit, candidates, reason, confidence, minimalConfig } = job;
  const { builds, trials, cacheHits } = job.evidence;
  return {
    id,
    title: spec.title,
    spec,
    state,
    culprit: culprit ?? '',
    culpritSubject: '',
    candidates,
    reason,
    builds,
    trials,
    cacheHits,
    seconds: (job.lastAt.getTime() - job.submittedAt.getTime()) / 1000,
    candidatesLeft: job.remaining,
    classes: job.classes,
    audited: job.audited?.done,
    refuted: job.audited?.refuted,
    confidence,
    minimalConfig,
  };
}
