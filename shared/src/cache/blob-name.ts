import { digest, type Digest } from '../digest.js';
import { KbisectError } from '../errors.js';

/** What a blob is asked for by: the digest of its bytes, and how many they are. */
export interface BlobName {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
}

/** Takes a name from outside. @throws KbisectError `invalid-argument` when it is none */
export function blobName(hash: string, size: number): BlobName {
  if (!Number.isSafeInteger(size) || size < 0) {
    throw new KbisectError('invalid-argument', `blob ${hash.slice(0, 80)} cannot have ${size} bytes`);
  }
  return { digest: digest(hash), size };
}

/** The protocol's digest of a blob. */
export interface ProtocolDigest {
  hash: string;
  sizeBytes: number;
}

/** Takes the protocol's name of a blob. @throws KbisectError `invalid-argument` when it is missing or none */
export function fromProtocol(name: ProtocolDigest | undefined): BlobName {
  return blobName(name?.hash ?? '', name?.sizeBytes ?? 0);
}

/** A blob's name in the protocol's words. */
export function toProtocol({ digest: hash, size: sizeBytes }: BlobName): ProtocolDigest {
  return { hash, sizeBytes };
}
