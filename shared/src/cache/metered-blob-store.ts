import type { BlobName } from './blob-name.js';
import type { BlobStore } from './blob-store.js';
import type { DoorStatistics } from './door-statistics.js';

/** Counts the bytes that pass, and those that need not. */
export class MeteredBlobStore implements BlobStore {
  constructor(
    private readonly inner: BlobStore,
    private readonly door: DoorStatistics,
  ) {}

  async missing(blobs: readonly BlobName[]): Promise<BlobName[]> {
    const missing = await this.inner.missing(blobs);
    this.door.bytesSpared += sum(blobs) - sum(missing);
    return missing;
  }

  async put(blob: BlobName, bytes: AsyncIterable<Uint8Array>): Promise<void> {
    let taken = 0;
    const counted = async function* () {
      for await (const chunk of bytes) {
        taken += chunk.length;
        yield chunk;
      }
    };
    await this.inner.put(blob, counted());
    if (taken === 0) this.door.bytesSpared += blob.size;
    else this.door.bytesWritten += taken;
  }

  async *get(blob: BlobName, offset?: number, limit?: number): AsyncIterable<Uint8Array> {
    for await (const chunk of this.inner.get(blob, offset, limit)) {
      this.door.bytesRead += chunk.length;
      yield chunk;
    }
  }

  setAside(blob: BlobName): Promise<void> {
    return this.inner.setAside(blob);
  }

  version(blob: BlobName): Promise<string | undefined> {
    return this.inner.version(blob);
  }
}

function sum(blobs: readonly BlobName[]): number {
  return blobs.reduce((total, { size }) => total + size, 0);
}
