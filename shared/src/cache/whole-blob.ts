import { KbisectError } from '../errors.js';
import type { BlobName } from './blob-name.js';
import type { BlobStore } from './blob-store.js';

/** What is read into memory at once is small: records and logs, not images. */
const MAX_BYTES = 64 * 1024 * 1024;

/**
 * A blob's bytes in one piece.
 * @throws KbisectError as `BlobStore.get` does; `resource-exhausted` when it is too large to be held in memory
 */
export async function wholeBlob(blobs: BlobStore, blob: BlobName): Promise<Buffer> {
  if (blob.size > MAX_BYTES) {
    throw new KbisectError('resource-exhausted', `blob ${blob.digest} is too large to be read whole`);
  }
  const chunks: Uint8Array[] = [];
  for await (const chunk of blobs.get(blob)) chunks.push(chunk);
  return Buffer.concat(chunks);
}
