import type { Digest } from '../digest.js';
import type { BlobName } from './blob-name.js';

/** Content-addressed bytes. What is in it is whole and right, or it is not in it. */
export interface BlobStore {
  /** Those of the blobs that are not here. Asking for one that is here extends its life. */
  missing(blobs: readonly BlobName[]): Promise<BlobName[]>;

  /**
   * Stores a blob; when this resolves it is verified and durable. Storing what is here already is no error, and
   * then `bytes` need not be read.
   * @throws KbisectError `invalid-argument` when the bytes are not of this digest and size,
   *   `resource-exhausted` when there is no room; nothing is kept then, nor when `bytes` throws
   */
  put(blob: BlobName, bytes: AsyncIterable<Uint8Array>): Promise<void>;

  /**
   * Reads at most `limit` bytes of a blob from `offset` on. A read of the whole never gives its last bytes before all
   * of them are verified. A blob that is being read is not evicted.
   * @throws KbisectError `not-found`; `data-loss` when the stored bytes have rotted: the blob is set aside and is no
   *   longer here
   */
  get(blob: BlobName, offset?: number, limit?: number): AsyncIterable<Uint8Array>;

  /** Takes a blob that was found rotten out of sight, so that it is asked for again. */
  setAside(blob: BlobName): Promise<void>;

  /** Which stored copy of a blob this is; undefined when the store cannot tell. An equal answer means equal bytes. */
  version(blob: BlobName): Promise<string | undefined>;
}

/** A store that knows the size of what it has by the digest alone. */
export interface SizedStore {
  /** Bytes, or undefined when the blob is not here. */
  sizeOf(digest: Digest): Promise<number | undefined>;
}
