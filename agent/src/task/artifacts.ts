import { randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ActionCache } from '@kbisect/shared/cache/action-cache';
import { blobName } from '@kbisect/shared/cache/blob-name';
import type { BlobStore } from '@kbisect/shared/cache/blob-store';
import { CHUNK_BYTES } from '@kbisect/shared/cache/chunk';
import { digestOfFile, type Digest } from '@kbisect/shared/digest';
import { ActionResult } from '@kbisect/shared/gen/build/bazel/remote/execution/v2/remote_execution';
import type { BuildTurnsClient } from '@kbisect/shared/gen/kbisect/v1/cache';
import type { BlobRef } from '@kbisect/shared/gen/kbisect/v1/job';
import type { Patience } from '../session/patience.js';
import { takeTurn } from './build-turn.js';

/**
 * The farm's cache, as an agent uses it: files go up and come down by their digest. A coordinator that is away or whose
 * disk is full is waited for.
 */
export class Artifacts {
  constructor(
    private readonly blobs: BlobStore,
    private readonly actions: ActionCache,
    private readonly turns: BuildTurnsClient,
    private readonly patience: Patience,
  ) {}

  /** Uploads a file, unless the cache has it already. */
  async upload(path: string, signal: AbortSignal): Promise<BlobRef> {
    const blob = await digestOfFile(path);
    const upload = async () => {
      if ((await this.blobs.missing([blob])).length === 0) return;
      await this.blobs.put(blob, createReadStream(path, { highWaterMark: CHUNK_BYTES, signal }));
    };
    await this.patience.until(upload, signal);
    return blob;
  }

  /**
   * Downloads a blob to a file, whole and verified or not at all.
   * @throws KbisectError `data-loss` when what came is not what was asked for, `not-found`
   */
  async download({ digest, size }: BlobRef, path: string, signal: AbortSignal): Promise<void> {
    const temporary = `${path}.${randomUUID()}`;
    const bytes = () => Readable.from(this.blobs.get(blobName(digest, size)));
    const read = () => pipeline(bytes(), createWriteStream(temporary), { signal });
    try {
      await this.patience.until(read, signal);
      await rename(temporary, path);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  }

  /** What is known of an action, or undefined. */
  async actionResult(action: Digest, signal: AbortSignal): Promise<ActionResult | undefined> {
    return this.patience.until(() => this.actions.get(action), signal);
  }

  /** Remembers what came of an action. */
  async recordAction(
    action: Digest,
    result: Pick<ActionResult, 'outputFiles' | 'exitCode' | 'stderrRaw'> & { stdoutRaw?: Buffer },
    signal: AbortSignal,
  ): Promise<void> {
    await this.patience.until(() => this.actions.put(action, ActionResult.create(result)), signal);
  }

  /** Waits for this agent's turn to do an action that others may have been asked for too; to be disposed of. */
  async takeTurn(action: Digest, onWait: () => void, signal: AbortSignal): Promise<Disposable> {
    return this.patience.until(() => takeTurn(this.turns, action, onWait, signal), signal);
  }
}
