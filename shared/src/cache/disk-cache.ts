import type { Clock } from '../clock.js';
import type { Logger } from '../log.js';
import { BoundedDirectory } from './bounded-directory.js';
import type { Bounds } from './bounds.js';
import { ACTIONS, DiskActionCache } from './disk-action-cache.js';
import { BLOBS, DiskBlobStore } from './disk-blob-store.js';
import { VerifyingBlobStore } from './verifying-blob-store.js';

/** A cache on this machine's disk: blobs and action results within one bound. */
export interface DiskCache {
  readonly files: BoundedDirectory;
  readonly disk: DiskBlobStore;
  /** The same blobs, verified. */
  readonly blobs: VerifyingBlobStore;
  /** Not yet looked at for completeness. */
  readonly actions: DiskActionCache;
}

/** Opens the cache of a directory, which this process alone uses. */
export async function openDiskCache(
  directory: string,
  bounds: Bounds,
  clock: Clock,
  log: Logger,
): Promise<DiskCache> {
  const files = await BoundedDirectory.open(directory, [BLOBS, ACTIONS], bounds, clock);
  const disk = new DiskBlobStore(files);
  return {
    files,
    disk,
    blobs: new VerifyingBlobStore(disk, clock, log),
    actions: new DiskActionCache(files, log),
  };
}
