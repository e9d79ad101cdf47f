import type { ObjectStore } from '@nats-io/obj';
import type { ActionCache } from '@kbisect/shared/cache/action-cache';
import type { Digest } from '@kbisect/shared/digest';
import { ActionResult } from '@kbisect/shared/gen/build/bazel/remote/execution/v2/remote_execution';

/** Action results as objects of a NATS JetStream object store, named `action.<digest>`. */
export class JetStreamActionCache implements ActionCache {
  constructor(private readonly objects: ObjectStore) {}

  async get(action: Digest): Promise<ActionResult | undefined> {
    const bytes = await this.objects.getBlob(nameOf(action));
    return bytes === null ? undefined : ActionResult.decode(bytes);
  }

  async put(action: Digest, result: ActionResult): Promise<void> {
    await this.objects.putBlob({ name: nameOf(action) }, ActionResult.encode(result).finish());
  }
}

function nameOf(action: Digest): string {
  return `action.${action}`;
}
