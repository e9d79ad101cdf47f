import type { KV } from '@nats-io/kv';
import type { ActionCache } from '@kbisect/shared/cache/action-cache';
import type { Digest } from '@kbisect/shared/digest';
import { ActionResult } from '@kbisect/shared/gen/build/bazel/remote/execution/v2/remote_execution';
import { answered, asked } from '../nats.js';

/** Action results in a NATS JetStream key-value bucket, by the action's digest. */
export class JetStreamActionCache implements ActionCache {
  constructor(private readonly bucket: KV) {}

  async get(action: Digest): Promise<ActionResult | undefined> {
    const entry = await asked(async () => this.bucket.get(action));
    return entry?.operation === 'PUT' ? ActionResult.decode(entry.value) : undefined;
  }

  async put(action: Digest, result: ActionResult): Promise<void> {
    await answered(this.bucket.put(action, ActionResult.encode(result).finish()));
  }
}
