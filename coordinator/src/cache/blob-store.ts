import type { Digest } from '@kbisect/shared/digest';

/** Content-addressed bytes. What is in it is whole and right, or it is not in it. */
export interface BlobStore {
  /** The blob's size in bytes, or undefined when it is not here. */
  size(digest: Digest): Promise<number | undefined>;

  /**
   * Stores a blob; when this resolves it is verified and durable. Storing what is here already is no error.
   * @throws KbisectError `invalid-argument` when the bytes are not of this digest and size,
   *   `resource-exhausted` when the disk is full; nothing is kept then
   */
  put(digest: Digest, size: number, bytes: AsyncIterable<Uint8Array>): Promise<void>;

  /**
   * Reads a blob from `offset` to its end. A read of the whole verifies what it reads.
   * @throws KbisectError `not-found`; `data-loss`, at the end of the read, when the stored bytes have rotted:
   *   the blob is set aside and is no longer here
   */
  get(digest: Digest, offset?: number): AsyncIterable<Uint8Array>;
}
