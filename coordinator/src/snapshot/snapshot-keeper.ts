import type { JobEvent } from '@kbisect/shared/gen/kbisect/v1/job';
import type { JobId } from '@kbisect/shared/ids';
import type { Logger } from '@kbisect/shared/log';
import type { Journal } from '../journal/journal.js';
import type { Snapshots } from '../journal/snapshots.js';
import { makeSnapshot } from './make-snapshot.js';
import { encodeSnapshot } from './stored-snapshots.js';

/** Makes the snapshots of jobs that are over, one after the other, while everything else goes on. */
export class SnapshotKeeper {
  #tail: Promise<void> = Promise.resolve();

  constructor(
    private readonly journal: Pick<Journal, 'read'>,
    private readonly snapshots: Pick<Snapshots, 'put'>,
    private readonly log: Logger,
    private readonly signal: AbortSignal,
  ) {}

  /** A job's last event is in the journal. */
  ended(job: JobId): void {
    this.#next(job, async () => this.#made(job, await this.journal.read(job)));
  }

  /** A job is over of which there was no good snapshot. */
  missed(job: JobId, events: readonly JobEvent[]): void {
    const made = this.#made(job, events);
    this.#next(job, () => Promise.resolve(made));
  }

  /** Resolves when none is being made any more; after the signal those that wait are left to the next start. */
  async settled(): Promise<void> {
    await this.#tail;
  }

  #made(job: JobId, events: readonly JobEvent[]): Uint8Array | undefined {
    const snapshot = makeSnapshot(job, events);
    return snapshot && encodeSnapshot(snapshot);
  }

  #next(job: JobId, make: () => Promise<Uint8Array | undefined>): void {
    const { signal, snapshots, log } = this;
    const keep = async () => {
      if (signal.aborted) return;
      const made = await make();
      if (made) await snapshots.put(job, made);
    };
    this.#tail = this.#tail
      .then(keep)
      .catch((error: unknown) => log.warn({ job, err: error }, 'no snapshot of the job'));
  }
}
