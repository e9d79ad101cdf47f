import { join } from 'node:path';
import { KbisectError } from '@kbisect/shared/errors';
import type { Task_KnownImage } from '@kbisect/shared/gen/kbisect/v1/session';
import type { CachedFile } from './initramfs.js';
import type { Slot } from './slot.js';

/** An image that was built of another commit and is this one's too. */
export interface KnownImage {
  readonly image: CachedFile;
  readonly record: Task_KnownImage['record'];
  /** The commit that it was built of. */
  readonly equalTo: string;
}

/**
 * Fetches the first of the known images that a commit has too and that the cache still has.
 * @param config digest of the commit's configuration; empty before it is configured
 */
export async function fetchKnownImage(
  images: readonly Task_KnownImage[],
  config: string,
  slot: Slot,
  signal: AbortSignal,
): Promise<KnownImage | undefined> {
  for (const { image: blob, record, commit, config: condition } of images) {
    if (blob === undefined || condition !== config) continue;
    const path = join(slot.directory, 'image');
    try {
      await slot.fetch(blob, path, signal);
      return { image: { path, blob }, record, equalTo: commit };
    } catch (error) {
      if (!(error instanceof KbisectError) || error.code !== 'not-found') throw error;
    }
  }
  return undefined;
}
