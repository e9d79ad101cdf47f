import { ReadableStream } from 'node:stream/web';
import type { ObjectStore } from '@nats-io/obj';
import type { BlobName } from '@kbisect/shared/cache/blob-name';
import type { BlobStore } from '@kbisect/shared/cache/blob-store';
import { KbisectError } from '@kbisect/shared/errors';
import { answered, asked } from '../nats.js';

/** Objects asked about at once. */
const AT_ONCE = 32;

/**
 * Blobs as objects of a NATS JetStream object store, named by their digests. An object is seen only when all of it is there.
 * How durable it is, is the server's matter: have replicas. The bucket's own limit bounds it.
 */
export class JetStreamBlobStore implements BlobStore {
  constructor(private readonly objects: ObjectStore) {}

  async missing(blobs: readonly BlobName[]): Promise<BlobName[]> {
    const missing: BlobName[] = [];
    for (let start = 0; start < blobs.length; start += AT_ONCE) {
      const some = blobs.slice(start, start + AT_ONCE);
      const here = await Promise.all(some.map((blob) => this.#isHere(blob)));
      missing.push(...some.filter((_, at) => !here[at]));
    }
    return missing;
  }

  async put(blob: BlobName, bytes: AsyncIterable<Uint8Array>): Promise<void> {
    if (await this.#isHere(blob)) return;
    // The library loses the reason why a stream broke.
    let reason: unknown;
    const watched = async function* () {
      try {
        yield* bytes;
      } catch (error) {
        reason = error;
        throw error;
      }
    };
    try {
      await answered(this.objects.put({ name: blob.digest }, ReadableStream.from<Uint8Array>(watched())));
    } catch (error) {
      throw reason ?? error;
    }
  }

  async *get(blob: BlobName, offset = 0, limit = Infinity): AsyncIterable<Uint8Array> {
    const found = (await this.#isHere(blob)) ? await asked(async () => this.objects.get(blob.digest)) : null;
    if (found === null)
      throw new KbisectError('not-found', `there is no blob ${blob.digest} of ${blob.size} bytes`);
    let position = 0;
    for await (const chunk of found.data) {
      const part = chunk.subarray(Math.max(0, offset - position), Math.max(0, offset + limit - position));
      position += chunk.length;
      if (part.length > 0) yield part;
      if (position >= offset + limit) return;
    }
    const error = await found.error;
    if (error) throw new KbisectError('unavailable', `JetStream does not answer: ${error.message}`);
  }

  async setAside({ digest }: BlobName): Promise<void> {
    await answered(this.objects.delete(digest));
  }

  /** An object is read over the network each time, so that each read is verified anew. */
  version(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  async #isHere({ digest, size }: BlobName): Promise<boolean> {
    const info = await asked(() => this.objects.info(digest));
    return info !== null && !info.deleted && info.size === size;
  }
}
