import type { JobEvent } from '@kbisect/shared/gen/kbisect/v1/job';
import type { JobId } from '@kbisect/shared/ids';
import type { JobPins } from '../cache/job-pins.js';
import type { Journal } from './journal.js';

/** A journal whose jobs keep the blobs that they name. */
export class PinningJournal implements Journal {
  private constructor(
    private readonly inner: Journal,
    private readonly pins: JobPins,
  ) {}

  /** Pins what the jobs in the journal need. */
  static async open(inner: Journal, pins: JobPins): Promise<PinningJournal> {
    for (const job of await inner.jobs()) pins.take(job, await inner.read(job));
    return new PinningJournal(inner, pins);
  }

  async append(job: JobId, expectedVersion: number, events: readonly JobEvent[]): Promise<void> {
    await this.inner.append(job, expectedVersion, events);
    this.pins.take(job, events);
  }

  read(job: JobId, from?: number): Promise<JobEvent[]> {
    return this.inner.read(job, from);
  }

  subscribe(job: JobId, signal: AbortSignal): AsyncIterable<JobEvent> {
    return this.inner.subscribe(job, signal);
  }

  jobs(): Promise<JobId[]> {
    return this.inner.jobs();
  }

  close(): Promise<void> {
    return this.inner.close();
  }
}
