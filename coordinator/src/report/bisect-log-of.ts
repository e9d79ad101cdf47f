import { JobState, Verdict } from '@kbisect/shared/gen/kbisect/v1/job';
import { commitId, type CommitId } from '@kbisect/shared/ids';
import type { Job } from '../scheduler/job.js';
import { READINGS } from '../scheduler/job-search.js';
import { bisectLog, type BisectRecord } from '../search/bisectlog.js';
import { termsOf } from './terms.js';

/** A job's `git bisect log`, as far as it has come. */
export async function bisectLogOf(job: Job, subject: (commit: CommitId) => Promise<string>): Promise<string> {
  const bases = job.mergeBases.filter((base) => job.verdicts.get(base) === Verdict.VERDICT_OLD);
  const olds = [...job.spec.olds.map(commitId), ...bases];
  const verdicts = [...job.verdicts].flatMap(([commit, verdict]) => {
    return verdict === Verdict.VERDICT_UNSPECIFIED ? [] : [{ commit, reading: READINGS[verdict] }];
  });
  const record: BisectRecord = {
    terms: termsOf(job.spec.mode),
    olds,
    new: commitId(job.spec.new),
    firstParent: job.spec.firstParent,
    pathspecs: job.spec.pathspecs,
    verdicts,
    result: resultOf(job),
  };
  const subjects = new Map<CommitId, string>();
  const named = [record.new, ...olds, ...verdicts.map(({ commit }) => commit), ...job.candidates];
  for (const commit of job.culprit ? [...named, job.culprit] : named)
    subjects.set(commit, await subject(commit));
  return bisectLog(record, (commit) => subjects.get(commit) ?? '');
}

function resultOf(job: Job): BisectRecord['result'] {
  if (job.state === JobState.JOB_STATE_FOUND && job.culprit) return { kind: 'found', culprit: job.culprit };
  if (job.state === JobState.JOB_STATE_AMBIGUOUS) return { kind: 'ambiguous', candidates: job.candidates };
  return { kind: 'none' };
}
