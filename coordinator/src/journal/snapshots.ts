import type { JobId } from '@kbisect/shared/ids';

/**
 * The snapshots of jobs that are over, beside the journal: shortcuts for a restart. Whatever is lost of them is made again of the
 * journal, so that they need not be durable, nor those of the latest writer.
 */
export interface Snapshots {
  /** Keeps a job's snapshot, in the place of an older one. */
  put(job: JobId, snapshot: Uint8Array): Promise<void>;

  /** All that are there, as they were put, in any order. */
  readAll(): AsyncIterable<readonly [JobId, Uint8Array]>;

  close(): Promise<void>;
}
