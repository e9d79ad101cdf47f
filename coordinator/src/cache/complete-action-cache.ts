import { digest, type Digest } from '@kbisect/shared/digest';
import type { ActionResult } from '@kbisect/shared/gen/build/bazel/remote/execution/v2/remote_execution';
import type { ActionCache } from './action-cache.js';
import type { BlobStore } from './blob-store.js';

/** Knows a result only while every blob that it names is there, so that a hit can always be used. */
export class CompleteActionCache implements ActionCache {
  constructor(
    private readonly inner: ActionCache,
    private readonly blobs: BlobStore,
  ) {}

  async get(action: Digest): Promise<ActionResult | undefined> {
    const result = await this.inner.get(action);
    if (result === undefined) return undefined;
    for (const file of result.outputFiles) {
      if (file.digest === undefined) return undefined;
      if ((await this.blobs.size(digest(file.digest.hash))) === undefined) return undefined;
    }
    return result;
  }

  async put(action: Digest, result: ActionResult): Promise<void> {
    await this.inner.put(action, result);
  }
}
