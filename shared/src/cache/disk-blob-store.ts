import type { Digest } from '../digest.js';
import { digest as checkedDigest } from '../digest.js';
import { KbisectError } from '../errors.js';
import type { BlobName } from './blob-name.js';
import type { BlobStore, SizedStore } from './blob-store.js';
import type { BoundedDirectory } from './bounded-directory.js';

/** The kind of file that a blob is. */
export const BLOBS = 'blobs';

/** Blobs as files of a bounded directory: `blobs/<digest>`. What they hold is verified by a decorator. */
export class DiskBlobStore implements BlobStore, SizedStore {
  constructor(readonly files: BoundedDirectory) {}

  missing(blobs: readonly BlobName[]): Promise<BlobName[]> {
    return Promise.resolve(blobs.filter(({ digest, size }) => this.files.sizeOf(pathOf(digest)) !== size));
  }

  sizeOf(digest: Digest): Promise<number | undefined> {
    return Promise.resolve(this.files.sizeOf(pathOf(digest)));
  }

  async put({ digest, size }: BlobName, bytes: AsyncIterable<Uint8Array>): Promise<void> {
    if (this.files.sizeOf(pathOf(digest)) === size) return;
    await this.files.write(pathOf(digest), size, bytes);
  }

  async *get({ digest, size }: BlobName, offset = 0, limit = Infinity): AsyncIterable<Uint8Array> {
    if (this.files.sizeOf(pathOf(digest)) !== size) {
      throw new KbisectError('not-found', `there is no blob ${digest} of ${size} bytes`);
    }
    yield* this.files.read(pathOf(digest), offset, limit);
  }

  setAside({ digest }: BlobName): Promise<void> {
    this.files.setAside(pathOf(digest));
    return Promise.resolve();
  }

  version({ digest }: BlobName): Promise<string | undefined> {
    return this.files.version(pathOf(digest));
  }

  /** Keeps a blob from being evicted, whether it is here already or comes later, until as many unpins. */
  pin(digest: Digest): void {
    this.files.index.hold(pathOf(digest));
  }

  unpin(digest: Digest): void {
    this.files.index.release(pathOf(digest));
  }

  /** All blobs, the least recently used first. */
  names(): BlobName[] {
    return this.files.index
      .keys()
      .filter((key) => key.startsWith(`${BLOBS}/`))
      .flatMap((key) => {
        const digest = checkedDigest(key.slice(key.lastIndexOf('/') + 1));
        const size = this.files.index.peek(key)?.size;
        return size === undefined ? [] : [{ digest, size }];
      });
  }
}

function pathOf(digest: Digest): string {
  return `${BLOBS}/${digest}`;
}
