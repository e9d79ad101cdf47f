import { createHash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import type { Digest } from '../digest.js';
import { KbisectError } from '../errors.js';
import { ActionResult } from '../gen/build/bazel/remote/execution/v2/remote_execution.js';
import type { Logger } from '../log.js';
import type { ActionCache } from './action-cache.js';
import type { BoundedDirectory } from './bounded-directory.js';

/** The kind of file that an action's result is. */
export const ACTIONS = 'actions';

/** Of the SHA-256 before a result. */
export const HASH_BYTES = 32;

/**
 * Action results as files of a bounded directory: `actions/<digest>`, the SHA-256 of the result before the result.
 */
export class DiskActionCache implements ActionCache {
  constructor(
    private readonly files: BoundedDirectory,
    private readonly log: Logger,
  ) {}

  async get(action: Digest): Promise<ActionResult | undefined> {
    const path = pathOf(action);
    let bytes: Buffer;
    try {
      bytes = await buffer(this.files.read(path, 0, Infinity));
    } catch (error) {
      if (error instanceof KbisectError && error.code === 'not-found') return undefined;
      throw error;
    }
    const result = bytes.subarray(HASH_BYTES);
    if (hashOf(result).equals(bytes.subarray(0, HASH_BYTES))) return ActionResult.decode(result);
    this.files.setAside(path);
    this.log.error({ action }, 'a stored action result has rotted and is set aside');
    return undefined;
  }

  async put(action: Digest, result: ActionResult): Promise<void> {
    const bytes = ActionResult.encode(result).finish();
    await this.files.write(pathOf(action), bytes.length + HASH_BYTES, [hashOf(bytes), bytes]);
  }
}

function hashOf(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}

function pathOf(action: Digest): string {
  return `${ACTIONS}/${action}`;
}
