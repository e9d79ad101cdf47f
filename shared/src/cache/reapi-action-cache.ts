import type { Digest } from '../digest.js';
import { KbisectError } from '../errors.js';
import {
  DigestFunction_Value,
  type ActionCacheClient,
  type ActionResult,
} from '../gen/build/bazel/remote/execution/v2/remote_execution.js';
import { unaryCall } from '../status.js';
import type { ActionCache } from './action-cache.js';

/** Action results at an endpoint of the Remote Execution API. */
export class ReapiActionCache implements ActionCache {
  constructor(
    private readonly client: ActionCacheClient,
    private readonly instanceName = '',
  ) {}

  async get(action: Digest): Promise<ActionResult | undefined> {
    const request = {
      ...this.#request(action),
      inlineStdout: false,
      inlineStderr: false,
      inlineOutputFiles: [],
    };
    try {
      return await unaryCall<ActionResult>((done) => this.client.getActionResult(request, done));
    } catch (error) {
      if (error instanceof KbisectError && error.code === 'not-found') return undefined;
      throw error;
    }
  }

  async put(action: Digest, actionResult: ActionResult): Promise<void> {
    const request = { ...this.#request(action), actionResult };
    await unaryCall<ActionResult>((done) => this.client.updateActionResult(request, done));
  }

  #request(action: Digest) {
    return {
      instanceName: this.instanceName,
      // An action is named by its digest alone here; servers ask for a size, and look at it little.
      actionDigest: { hash: action, sizeBytes: 0 },
      digestFunction: DigestFunction_Value.SHA256,
    };
  }
}
