import { KbisectError } from '@kbisect/shared/errors';
import { Verdict } from '@kbisect/shared/gen/kbisect/v1/job';
import type { CommitId } from '@kbisect/shared/ids';
import type { Dispatcher } from './dispatcher.js';
import { itIsOver, PastJob, type KnownJob } from './scheduler/past-job.js';

/** What a person wants of a commit, and who it is. */
export interface ByHand {
  /** A commit id or an unambiguous prefix. */
  readonly commit: string;
  readonly by: string;
}

/** The verdicts that can be given by hand, by their words. */
export const MARKS = {
  old: Verdict.VERDICT_OLD,
  new: Verdict.VERDICT_NEW,
  skip: Verdict.VERDICT_SKIP,
} as const;

const MAX_NAME = 128;

/**
 * Gives the verdict on a commit of a job's range; resolves, with the commit, when it is in the journal.
 * @throws KbisectError `invalid-argument`, `not-found` or `failed-precondition` when it is refused
 */
export async function mark(
  dispatcher: Dispatcher,
  job: KnownJob,
  { verdict, ...request }: ByHand & { readonly verdict: Verdict },
): Promise<CommitId> {
  if (verdict === Verdict.VERDICT_UNSPECIFIED)
    throw new KbisectError('invalid-argument', 'a commit is marked old, new or skip');
  const commit = commitOf(job, request.commit);
  await dispatcher.post({ kind: 'mark', job: job.id, commit, verdict, by: nameOf(request.by) });
  return commit;
}

/**
 * Has a commit of a job's range tried again; resolves, with the commit, when that is in the journal.
 * @throws KbisectError `not-found` or `failed-precondition` when it is refused
 */
export async function rerun(dispatcher: Dispatcher, job: KnownJob, request: ByHand): Promise<CommitId> {
  const commit = commitOf(job, request.commit);
  await dispatcher.post({ kind: 'rerun', job: job.id, commit, by: nameOf(request.by) });
  return commit;
}

function commitOf(job: KnownJob, prefix: string): CommitId {
  if (job instanceof PastJob) throw itIsOver(job.id);
  const matches = prefix === '' ? [] : job.named(prefix.toLowerCase());
  const [only] = matches;
  if (only !== undefined && matches.length === 1) return only;
  const why =
    matches.length > 1
      ? `${matches.length} commits begin with`
      : 'no commit of the range or its ends begins with';
  throw new KbisectError('not-found', `${why} ${JSON.stringify(prefix.slice(0, 80))} in job ${job.id}`);
}

function nameOf(by: string): string {
  const name = by.replace(/[^\p{L}\p{N}\p{P}\p{S} ]/gu, '').trim();
  return name === '' ? 'somebody' : name.slice(0, MAX_NAME);
}
