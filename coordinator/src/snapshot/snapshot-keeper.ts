import type { JobSnapshot } from '@kbisect/shared/gen/kbisect/v1/snapshot';
import type { JobId } from '@kbisect/shared/ids';
import type { Logger } from '@kbisect/shared/log';
import type { Journal } from '../journal/journal.js';
import type { Snapshots } from '../journal/snapshots.js';
import { makeSnapshot } from './make-snapshot.js';
import { encodeSnapshot } from './stored-snapshots.js';

/** Makes the snapshots of jobs that are over of the journal, one after the other, while everything else goes on. */
export class SnapshotKeeper {
  #tail: Promise<void> = Promise.resolve();

  /** @param kept is told of each that is made */
  constructor(
    private readonly journal: Pick<Journal, 'read'>,
    private readonly snapshots: Pick<Snapshots, 'put'>,
    private readonly kept: (job: JobId, snapshot: JobSnapshot) => void,
    private readonly log: Logger,
    private readonly signal: AbortSignal,
  ) {}

  /** A job is over of which there is no good snapshot, and its last event is in the journal. */
  keep(job: JobId): void {
    this.#tail = this.#tail
      .then(() => (this.signal.aborted ? undefined : this.#make(job)))
      .catch((error: unknown) => this.log.warn({ job, err: error }, 'no snapshot of the job'));
  }

  /** Resolves when none is being made any more; after the signal those that wait are left to the next start. */
  async settled(): Promise<void> {
    await this.#tail;
  }

  async #make(job: JobId): Promise<void> {
    const snapshot = makeSnapshot(job, await this.journal.read(job));
    if (snapshot === undefined) return;
    await this.snapshots.put(job, encodeSnapshot(snapshot));
    this.kept(job, snapshot);
  }
}
