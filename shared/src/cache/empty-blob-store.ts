import { digestOf } from '../digest.js';
import type { BlobName } from './blob-name.js';
import type { BlobStore } from './blob-store.js';

const EMPTY = digestOf('');

/** Has the empty blob always, as the Remote Execution API asks of a server; it is never stored. */
export class EmptyBlobStore implements BlobStore {
  constructor(private readonly inner: BlobStore) {}

  missing(blobs: readonly BlobName[]): Promise<BlobName[]> {
    return this.inner.missing(blobs.filter((blob) => !isEmpty(blob)));
  }

  async put(blob: BlobName, bytes: AsyncIterable<Uint8Array>): Promise<void> {
    if (!isEmpty(blob)) await this.inner.put(blob, bytes);
  }

  async *get(blob: BlobName, offset?: number, limit?: number): AsyncIterable<Uint8Array> {
    if (!isEmpty(blob)) yield* this.inner.get(blob, offset, limit);
  }

  async setAside(blob: BlobName): Promise<void> {
    if (!isEmpty(blob)) await this.inner.setAside(blob);
  }

  async version(blob: BlobName): Promise<string | undefined> {
    return isEmpty(blob) ? 'empty' : this.inner.version(blob);
  }
}

function isEmpty({ digest, size }: BlobName): boolean {
  return size === 0 && digest === EMPTY;
}
