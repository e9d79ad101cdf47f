import { KbisectError } from '../errors.js';

/** How much a cache may keep. All in bytes. */
export interface Bounds {
  /** Above this the least recently used is evicted. */
  readonly softBytes: number;
  /** What cannot be evicted may use the room between soft and hard; a write beyond hard is refused. */
  readonly hardBytes: number;
  /**
   * Of the file system, left free for others: first the cache shrinks, then it refuses writes. Default: 5 % of it, 1 GiB
   * at most.
   */
  readonly reserveBytes?: number | undefined;
}

const GIB = 2 ** 30;

/** Where a user gives a limit: evict from 90 % of it on. */
export function boundsOf(maxBytes: number, reserveBytes?: number): Bounds {
  return { softBytes: Math.floor(maxBytes * 0.9), hardBytes: maxBytes, reserveBytes };
}

/** What is left free of a file system of so many bytes. */
export function reserveOf(bounds: Bounds, diskBytes: number): number {
  return bounds.reserveBytes ?? Math.min(GIB, Math.floor(diskBytes / 20));
}

/** Where the user says nothing. */
export const DEFAULT_BOUNDS = boundsOf(50 * GIB);

/** Reads a size like `5G`, `500M` or `1048576`. @throws KbisectError `invalid-argument` */
export function parseBytes(text: string): number {
  const [, number, unit = ''] = /^(\d{1,12})([KMGT]?)$/i.exec(text) ?? [];
  if (number === undefined) {
    throw new KbisectError(
      'invalid-argument',
      `${JSON.stringify(text.slice(0, 40))} is no size; write it like 500M or 20G`,
    );
  }
  return Number(number) * 1024 ** ' KMGT'.indexOf(unit.toUpperCase() || ' ');
}
