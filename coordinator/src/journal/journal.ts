import type { JobEvent } from '@kbisect/shared/gen/kbisect/v1/job';
import type { JobId } from '@kbisect/shared/ids';

/** Where a job's stream ends. */
export interface StreamEnd {
  readonly job: JobId;
  /** How many events it has. */
  readonly version: number;
  readonly last: JobEvent;
}

/**
 * The farm's memory: one append-only stream of events for each job. Whatever is acknowledged survives the
 * loss of power; a job's state is the replay of its stream and nothing else.
 */
export interface Journal {
  /**
   * Adds events to a job's stream and resolves when they are durable.
   * @param expectedVersion number of events that the stream must have now
   * @throws KbisectError `failed-precondition` when it has another number, `resource-exhausted` when the disk
   *   is full; nothing is written then
   */
  append(job: JobId, expectedVersion: number, events: readonly JobEvent[]): Promise<void>;

  /** The job's events from position `from` (0 is the first) to the present end. */
  read(job: JobId, from?: number): Promise<JobEvent[]>;

  /**
   * The job's events from its first, then each new one of this writer's as it becomes durable, until the signal is aborted. Those
   * that are there together come together, never none.
   */
  subscribe(job: JobId, signal: AbortSignal): AsyncIterable<readonly JobEvent[]>;

  /** All jobs that have a stream, or those of them that are named, and all that is in it, by their ids. */
  readAll(jobs?: ReadonlySet<JobId>): AsyncIterable<readonly [JobId, JobEvent[]]>;

  /** Where the streams of all jobs end, by their ids. */
  ends(): AsyncIterable<StreamEnd>;

  /**
   * Begins a term of this writer: from now on nothing is taken from writers of terms that began before it.
   * @throws KbisectError `failed-precondition` when a later term has begun already
   */
  fence(token: number): Promise<void>;

  close(): Promise<void>;
}
