import { KbisectError } from '@kbisect/shared/errors';
import type { GetConsoleResponse, GetConsoleResponse_Console } from '@kbisect/shared/gen/kbisect/v1/farm';
import type { JobEvent } from '@kbisect/shared/gen/kbisect/v1/job';
import type { CommitId, LeaseId } from '@kbisect/shared/ids';
import type { Job } from '../scheduler/job.js';

/**
 * The consoles of a commit's trials, those that still run at the end.
 * @param prefix a commit id, or what only one tested commit's begins with
 * @param tail the last bytes of the console of a trial that runs
 * @throws KbisectError `not-found` when no such commit was tested
 */
export function consolesOf(
  job: Job,
  prefix: string,
  events: readonly JobEvent[],
  tail: (lease: LeaseId) => Buffer | undefined,
): GetConsoleResponse {
  const commit = commitOf(job, prefix);
  const kept = events.flatMap((event) => consoleOf(event, commit) ?? []);
  const live = job.leases.live
    .filter((lease) => lease.commit === commit)
    .map(({ id, agent }) => ({
      outcome: undefined,
      blob: undefined,
      agent,
      live: tail(id) ?? Buffer.alloc(0),
    }));
  return { commit, consoles: [...kept, ...live] };
}

function consoleOf({ fact }: JobEvent, commit: CommitId): GetConsoleResponse_Console | undefined {
  if (fact?.$case !== 'tried' || fact.value.commit !== commit || fact.value.console === undefined)
    return undefined;
  return { outcome: fact.value.outcome, blob: fact.value.console, live: Buffer.alloc(0), agent: '' };
}

function commitOf(job: Job, prefix: string): CommitId {
  const known = new Set([...job.evidence.commits, ...job.leases.live.map((lease) => lease.commit)]);
  const matches = [...known].filter((commit) => commit.startsWith(prefix));
  const [only] = matches;
  if (prefix !== '' && only !== undefined && matches.length === 1) return only;
  const why =
    matches.length > 1 ? `${matches.length} tested commits begin with` : 'no tested commit begins with';
  throw new KbisectError('not-found', `${why} ${JSON.stringify(prefix)} in job ${job.id}`);
}
