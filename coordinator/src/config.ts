import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { boundsOf, DEFAULT_BOUNDS, parseBytes, type Bounds } from '@kbisect/shared/cache/bounds';
import { KbisectError, messageOf } from '@kbisect/shared/errors';
import { DEFAULT_TIMING, type Timing } from './scheduler/timing.js';

const seconds = z.number().positive().max(86_400);
const file = z.strictObject({
  /** How often an agent reports. */
  heartbeatSeconds: seconds.optional(),
  /** An agent not heard of for so long loses its leases. */
  leaseSeconds: seconds.optional(),
  /** How much the cache may keep. */
  cache: z
    .strictObject({
      /** Limit, like `200G`; the least recently used is evicted from 90 % of it on. */
      size: z.string().optional(),
      /** Of the disk, left free for others, like `2G`. */
      reserve: z.string().optional(),
    })
    .optional(),
});

/**
 * Reads a coordinator's `--config` file: JSON with the settings above, each optional.
 * @throws KbisectError `invalid-argument` naming the file and the setting that is wrong
 */
export async function readConfig(path: string | undefined): Promise<{ timing: Timing; bounds: Bounds }> {
  if (path === undefined) return { timing: DEFAULT_TIMING, bounds: DEFAULT_BOUNDS };
  let text: unknown;
  try {
    text = JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    throw new KbisectError('invalid-argument', `${path}: ${messageOf(error)}`);
  }
  const parsed = file.safeParse(text);
  if (!parsed.success)
    throw new KbisectError('invalid-argument', `${path}: ${z.prettifyError(parsed.error)}`);
  const { heartbeatSeconds, leaseSeconds } = parsed.data;
  const timing: Timing = {
    ...DEFAULT_TIMING,
    ...(heartbeatSeconds === undefined ? {} : { heartbeatMs: heartbeatSeconds * 1000 }),
    ...(leaseSeconds === undefined ? {} : { leaseMs: leaseSeconds * 1000 }),
  };
  if (timing.leaseMs < 2 * timing.heartbeatMs) {
    throw new KbisectError(
      'invalid-argument',
      `${path}: leaseSeconds must be at least twice heartbeatSeconds`,
    );
  }
  return { timing, bounds: boundsFrom(parsed.data.cache ?? {}, path) };
}

function boundsFrom(
  cache: { size?: string | undefined; reserve?: string | undefined },
  path: string,
): Bounds {
  try {
    const max = cache.size === undefined ? DEFAULT_BOUNDS.hardBytes : parseBytes(cache.size);
    return boundsOf(max, cache.reserve === undefined ? undefined : parseBytes(cache.reserve));
  } catch (error) {
    throw new KbisectError('invalid-argument', `${path}: cache: ${messageOf(error)}`);
  }
}
