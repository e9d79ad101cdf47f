import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Digest } from '@kbisect/shared/digest';
import { systemCode } from '@kbisect/shared/errors';
import { ActionResult } from '@kbisect/shared/gen/build/bazel/remote/execution/v2/remote_execution';
import type { ActionCache } from './action-cache.js';
import { writeDurably } from './durable-file.js';

/** Action results as files of a directory: `actions/<2 digits>/<digest>`. */
export class DiskActionCache implements ActionCache {
  private constructor(readonly directory: string) {}

  static async open(directory: string): Promise<DiskActionCache> {
    const temporary = join(directory, 'actions-tmp');
    await rm(temporary, { recursive: true, force: true });
    await mkdir(temporary, { recursive: true });
    return new DiskActionCache(directory);
  }

  async get(action: Digest): Promise<ActionResult | undefined> {
    try {
      return ActionResult.decode(await readFile(this.#path(action)));
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  async put(action: Digest, result: ActionResult): Promise<void> {
    const bytes = ActionResult.encode(result).finish();
    await writeDurably(this.#path(action), bytes, join(this.directory, 'actions-tmp'));
  }

  #path(action: Digest): string {
    return join(this.directory, 'actions', action.slice(0, 2), action);
  }
}
