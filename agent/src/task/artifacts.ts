import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { digest, digestOfFile, type Digest } from '@kbisect/shared/digest';
import { KbisectError } from '@kbisect/shared/errors';
import type {
  ActionCacheClient,
  ActionResult,
  ContentAddressableStorageClient,
} from '@kbisect/shared/gen/build/bazel/remote/execution/v2/remote_execution';
import type {
  ByteStreamClient,
  ReadResponse,
  WriteResponse,
} from '@kbisect/shared/gen/google/bytestream/bytestream';
import type { BlobRef } from '@kbisect/shared/gen/kbisect/v1/job';
import { fromStatus, unaryCall } from '@kbisect/shared/status';
import type { Patience } from '../session/patience.js';

/** Bytes in one message. */
const CHUNK = 256 * 1024;

/**
 * The farm's cache, as an agent uses it: files go up and come down by their digest. A coordinator that is away or whose
 * disk is full is waited for.
 */
export class Artifacts {
  constructor(
    private readonly bytes: ByteStreamClient,
    private readonly storage: ContentAddressableStorageClient,
    private readonly actions: ActionCacheClient,
    private readonly patience: Patience,
  ) {}

  /** Uploads a file, unless the cache has it already. */
  async upload(path: string, signal: AbortSignal): Promise<BlobRef> {
    const { digest: name, size } = await digestOfFile(path);
    await this.patience.until(() => this.#upload(path, name, size, signal), signal);
    return { digest: name, size };
  }

  async #upload(path: string, name: Digest, size: number, signal: AbortSignal): Promise<void> {
    const missing = await unaryCall<{ missingBlobDigests: unknown[] }>((done) =>
      this.storage.findMissingBlobs(
        { instanceName: '', blobDigests: [{ hash: name, sizeBytes: size }] },
        done,
      ),
    );
    if (missing.missingBlobDigests.length > 0) await this.#write(path, name, size, signal);
  }

  /**
   * Downloads a blob to a file, whole and verified or not at all.
   * @throws KbisectError `data-loss` when what came is not what was asked for, `not-found`
   */
  async download(blob: BlobRef, path: string, signal: AbortSignal): Promise<void> {
    await this.patience.until(() => this.#read(blob, path, signal), signal);
  }

  async #read(blob: BlobRef, path: string, signal: AbortSignal): Promise<void> {
    const temporary = `${path}.${randomUUID()}`;
    try {
      const stream = this.bytes.read({
        resourceName: `blobs/${digest(blob.digest)}/${blob.size}`,
        readOffset: 0,
        readLimit: 0,
      });
      const chunks = async function* () {
        for await (const { data } of stream as AsyncIterable<ReadResponse>) yield data;
      };
      await pipeline(chunks, createWriteStream(temporary, { flags: 'wx' }), { signal });
      const actual = await digestOfFile(temporary);
      if (actual.digest !== blob.digest) {
        throw new KbisectError('data-loss', `blob ${blob.digest} came as ${actual.digest}; ask for it again`);
      }
      await rename(temporary, path);
    } catch (error) {
      await rm(temporary, { force: true });
      throw fromStatus(error);
    }
  }

  /** What is known of an action, or undefined. */
  async actionResult(action: Digest, signal: AbortSignal): Promise<ActionResult | undefined> {
    const request = { instanceName: '', actionDigest: { hash: action, sizeBytes: 0 } };
    const ask = () => unaryCall<ActionResult>((done) => this.actions.getActionResult(request, done));
    try {
      return await this.patience.until(ask, signal);
    } catch (error) {
      if (error instanceof KbisectError && error.code === 'not-found') return undefined;
      throw error;
    }
  }

  async recordAction(action: Digest, actionResult: ActionResult, signal: AbortSignal): Promise<void> {
    const request = { instanceName: '', actionDigest: { hash: action, sizeBytes: 0 }, actionResult };
    const tell = () => unaryCall<ActionResult>((done) => this.actions.updateActionResult(request, done));
    await this.patience.until(tell, signal);
  }

  async #write(path: string, name: Digest, size: number, signal: AbortSignal): Promise<void> {
    await unaryCall<WriteResponse>((done) => {
      const stream = this.bytes.write(done);
      const send = async () => {
        const resourceName = `uploads/${randomUUID()}/blobs/${name}/${size}`;
        let offset = 0;
        for await (const data of createReadStream(path, { highWaterMark: CHUNK }) as AsyncIterable<Buffer>) {
          const message = { resourceName: offset === 0 ? resourceName : '', writeOffset: offset, data };
          offset += data.length;
          const taken = stream.write({ ...message, finishWrite: offset === size });
          if (!taken) await once(stream, 'drain', { signal });
        }
        if (size === 0)
          stream.write({ resourceName, writeOffset: 0, data: Buffer.alloc(0), finishWrite: true });
        stream.end();
      };
      // A write that fails reaches `done` as the call's status; one that is cancelled ends the call.
      send().catch(() => stream.cancel());
    });
  }
}
