import type { ObjectStore } from '@nats-io/obj';
import type { ActionCache } from '@kbisect/shared/cache/action-cache';
import type { Digest } from '@kbisect/shared/digest';
import { ActionResult } from '@kbisect/shared/gen/build/bazel/remote/execution/v2/remote_execution';
import { answered, asked } from '../nats.js';

/** Action results as objects of a NATS JetStream object store, named `action.<digest>`. */
export class JetStreamActionCache implements ActionCache {
  constructor(private readonly objects: ObjectStore) {}

  async get(action: Digest): Promise<ActionResult | undefined> {
    const bytes = await asked(async () => this.objects.getBlob(nameOf(action)));
    return bytes === null ? undefined : ActionResult.decode(bytes);
  }

  async put(action: Digest, result: ActionResult): Promise<void> {
    const bytes = ActionResult.encode(result).finish();
    await answered(this.objects.putBlob({ name: nameOf(action) }, bytes));
  }
}

function nameOf(action: Digest): string {
  return `action.${action}`;
}
