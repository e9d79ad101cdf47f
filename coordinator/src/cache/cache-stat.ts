import type { DiskCache } from '@kbisect/shared/cache/disk-cache';
import type { DoorStatistics } from '@kbisect/shared/cache/door-statistics';
import type { StatResponse } from '@kbisect/shared/gen/kbisect/v1/cache';
import type { PeoplePins } from './people-pins.js';

/** What the cache has on this machine's disk, and what its doors did since the start. */
export function cacheStat(
  { files }: DiskCache,
  doors: readonly DoorStatistics[],
  pins: PeoplePins,
): StatResponse {
  const { files: count, bytes, heldBytes, bounds } = files.usage;
  return {
    files: count,
    bytes,
    heldBytes,
    softBytes: bounds.softBytes,
    hardBytes: bounds.hardBytes,
    evicted: files.evicted,
    doors: doors.map(({ name, hits, misses, bytesRead, bytesWritten, bytesSpared }) => ({
      name,
      hits,
      misses,
      bytesRead,
      bytesWritten,
      bytesSpared,
    })),
    pins: pins.list(),
  };
}
