import type { Digest } from '../digest.js';
import type { ActionResult } from '../gen/build/bazel/remote/execution/v2/remote_execution.js';
import type { ActionCache } from './action-cache.js';
import type { DoorStatistics } from './door-statistics.js';

/** Counts what was known and what was not. */
export class MeteredActionCache implements ActionCache {
  constructor(
    private readonly inner: ActionCache,
    private readonly door: DoorStatistics,
  ) {}

  async get(action: Digest): Promise<ActionResult | undefined> {
    const result = await this.inner.get(action);
    if (result === undefined) this.door.misses += 1;
    else this.door.hits += 1;
    return result;
  }

  put(action: Digest, result: ActionResult): Promise<void> {
    return this.inner.put(action, result);
  }
}
