import type { JobEvent } from '@kbisect/shared/gen/kbisect/v1/job';
import type { JobId } from '@kbisect/shared/ids';
import type { Journal, StreamEnd } from './journal.js';

/** A journal that tells of what is appended, once it is durable. */
export class ObservedJournal implements Journal {
  constructor(
    private readonly inner: Journal,
    private readonly happened: (job: JobId, events: readonly JobEvent[]) => void,
  ) {}

  async append(job: JobId, expectedVersion: number, events: readonly JobEvent[]): Promise<void> {
    await this.inner.append(job, expectedVersion, events);
    this.happened(job, events);
  }

  read(job: JobId, from?: number): Promise<JobEvent[]> {
    return this.inner.read(job, from);
  }

  subscribe(job: JobId, signal: AbortSignal): AsyncIterable<readonly JobEvent[]> {
    return this.inner.subscribe(job, signal);
  }

  readAll(jobs?: ReadonlySet<JobId>): AsyncIterable<readonly [JobId, JobEvent[]]> {
    return this.inner.readAll(jobs);
  }

  ends(): AsyncIterable<StreamEnd> {
    return this.inner.ends();
  }

  fence(token: number): Promise<void> {
    return this.inner.fence(token);
  }

  close(): Promise<void> {
    return this.inner.close();
  }
}
