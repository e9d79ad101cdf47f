import { LRUCache } from 'lru-cache';
import type { Clock } from '../clock.js';
import type { Digest } from '../digest.js';
import type { BlobName } from './blob-name.js';
import type { BlobStore } from './blob-store.js';

/** Far shorter than a blob that was just asked for is kept. */
const REMEMBERED_MS = 30_000;

/** Remembers for a while which blobs are there, so that a far store is not asked again and again. */
export class ExistenceCachingBlobStore implements BlobStore {
  readonly #seenAt = new LRUCache<Digest, number>({ max: 2 ** 15 });

  constructor(
    private readonly inner: BlobStore,
    private readonly clock: Clock,
  ) {}

  async missing(blobs: readonly BlobName[]): Promise<BlobName[]> {
    const since = this.clock.now() - REMEMBERED_MS;
    const unknown = blobs.filter(({ digest }) => (this.#seenAt.get(digest) ?? -Infinity) < since);
    if (unknown.length === 0) return [];
    const missing = await this.inner.missing(unknown);
    const gone = new Set(missing.map(({ digest }) => digest));
    for (const blob of unknown) if (!gone.has(blob.digest)) this.#saw(blob);
    return missing;
  }

  async put(blob: BlobName, bytes: AsyncIterable<Uint8Array>): Promise<void> {
    await this.inner.put(blob, bytes);
    this.#saw(blob);
  }

  async *get(blob: BlobName, offset?: number, limit?: number): AsyncIterable<Uint8Array> {
    try {
      yield* this.inner.get(blob, offset, limit);
    } catch (error) {
      this.#seenAt.delete(blob.digest); // whatever went wrong, it is asked for anew
      throw error;
    }
  }

  async setAside(blob: BlobName): Promise<void> {
    this.#seenAt.delete(blob.digest);
    await this.inner.setAside(blob);
  }

  version(blob: BlobName): Promise<string | undefined> {
    return this.inner.version(blob);
  }

  #saw({ digest }: BlobName): void {
    this.#seenAt.set(digest, this.clock.now());
  }
}
