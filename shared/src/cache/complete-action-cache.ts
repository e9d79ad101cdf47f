import type { Digest } from '../digest.js';
import { KbisectError } from '../errors.js';
import type { ActionResult } from '../gen/build/bazel/remote/execution/v2/remote_execution.js';
import type { ActionCache } from './action-cache.js';
import { blobsOf, blobsOfTrees } from './action-result.js';
import type { BlobStore } from './blob-store.js';

/**
 * Knows a result only while every blob that it names is there, so that a hit can always be used; asking for one extends
 * the life of them all.
 */
export class CompleteActionCache implements ActionCache {
  constructor(
    private readonly inner: ActionCache,
    private readonly blobs: BlobStore,
  ) {}

  async get(action: Digest): Promise<ActionResult | undefined> {
    const result = await this.inner.get(action);
    return result !== undefined && (await this.#isComplete(result)) ? result : undefined;
  }

  async put(action: Digest, result: ActionResult): Promise<void> {
    blobsOf(result); // one that names its blobs wrongly would never be complete: its sender is told now
    await this.inner.put(action, result);
  }

  async #isComplete(result: ActionResult): Promise<boolean> {
    try {
      if ((await this.blobs.missing(blobsOf(result))).length > 0) return false;
      return (await this.blobs.missing(await blobsOfTrees(result, this.blobs))).length === 0;
    } catch (error) {
      const gone =
        error instanceof KbisectError && ['not-found', 'data-loss', 'invalid-argument'].includes(error.code);
      if (gone) return false;
      throw error;
    }
  }
}
