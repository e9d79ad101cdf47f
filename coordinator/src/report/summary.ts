import type { Job as ProtoJob } from '@kbisect/shared/gen/kbisect/v1/farm';
import type { CommitId } from '@kbisect/shared/ids';
import type { Farm } from '../scheduler/farm.js';
import type { Job } from '../scheduler/job.js';
import { waitingFor } from '../scheduler/needs.js';

/** A job in short, as lists and `--json` show it. */
export async function summaryOf(
  job: Job,
  { agents }: Pick<Farm, 'agents'>,
  subject: (commit: CommitId) => Promise<string>,
): Promise<ProtoJob> {
  const { id, spec, state, culprit, candidates, reason, confidence, minimalConfig } = job;
  const { builds, trials, cacheHits } = job.evidence;
  return {
    id,
    title: spec.title,
    spec,
    state,
    culprit: culprit ?? '',
    culpritSubject: culprit ? await subject(culprit) : '',
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
    waiting: waitingFor(job, agents.values()),
  };
}
