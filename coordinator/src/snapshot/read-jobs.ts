import { messageOf } from '@kbisect/shared/errors';
import type { JobEvent } from '@kbisect/shared/gen/kbisect/v1/job';
import type { JobSnapshot } from '@kbisect/shared/gen/kbisect/v1/snapshot';
import type { JobId } from '@kbisect/shared/ids';
import type { Logger } from '@kbisect/shared/log';
import type { Journal, StreamEnd } from '../journal/journal.js';
import type { Snapshots } from '../journal/snapshots.js';
import { decodeSnapshot } from './stored-snapshots.js';

/** A job as it is found at the start. */
export type FoundJob =
  | { readonly job: JobId; readonly snapshot: JobSnapshot }
  | { readonly job: JobId; readonly snapshot: undefined; readonly events: readonly JobEvent[] };

/** All jobs of the journal by their ids: where there is a good snapshot with that, the others with their events. */
export async function* readJobs(
  journal: Journal,
  snapshots: Snapshots,
  log: Logger,
): AsyncGenerator<FoundJob> {
  const ends = new Map<JobId, StreamEnd>();
  for await (const end of journal.ends()) ends.set(end.job, end);
  const known = await goodOnes(ends, snapshots, log);
  const others = new Set([...ends.keys()].filter((job) => !known.has(job)));
  const missing = journal.readAll(others)[Symbol.asyncIterator]();
  try {
    for (const job of ends.keys()) {
      const snapshot = known.get(job);
      if (snapshot) yield { job, snapshot };
      else {
        const next = await missing.next();
        if (!next.done) yield { job: next.value[0], snapshot, events: next.value[1] };
      }
    }
  } finally {
    await missing.return?.();
  }
}

/** A start goes on without snapshots that cannot be read. */
async function goodOnes(
  ends: ReadonlyMap<JobId, StreamEnd>,
  snapshots: Snapshots,
  log: Logger,
): Promise<ReadonlyMap<JobId, JobSnapshot>> {
  const good = new Map<JobId, JobSnapshot>();
  try {
    for await (const [job, bytes] of snapshots.readAll()) {
      const end = ends.get(job);
      const snapshot = end && decodeSnapshot(bytes, end);
      if (snapshot) good.set(job, snapshot);
    }
  } catch (error) {
    log.warn({ reason: messageOf(error) }, 'snapshots cannot be read; the events are');
  }
  return good;
}
