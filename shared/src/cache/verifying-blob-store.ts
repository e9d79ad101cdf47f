import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Clock } from '../clock.js';
import type { Digest } from '../digest.js';
import { KbisectError } from '../errors.js';
import type { Logger } from '../log.js';
import type { BlobName } from './blob-name.js';
import type { BlobStore } from './blob-store.js';
import { giveBackChunk } from './chunk.js';

/** A stored copy that was verified is trusted for so long. */
const TRUST_MS = 3_600_000;

/**
 * Gives and takes right bytes only. What is put is hashed on its way in. What is read is hashed before its first byte
 * is given, unless this very copy was hashed or written in the last hour; where a store cannot tell one copy from another, it is
 * hashed on its way out, and its last chunk is kept back until it has proved right.
 */
export class VerifyingBlobStore implements BlobStore {
  /** The copies verified last, and when. */
  readonly #trusted = new LRUCache<Digest, { version: string; at: number }>({ max: 2 ** 17 });
  /** Verifications under way, by copy. */
  readonly #verifying = new Map<string, Promise<void>>();

  constructor(
    private readonly inner: BlobStore,
    private readonly clock: Clock,
    private readonly log: Logger,
  ) {}

  missing(blobs: readonly BlobName[]): Promise<BlobName[]> {
    return this.inner.missing(blobs);
  }

  async put(blob: BlobName, bytes: AsyncIterable<Uint8Array>): Promise<void> {
    const came = { whole: false };
    const watched = async function* () {
      yield* proved(blob, bytes);
      came.whole = true;
    };
    await this.inner.put(blob, watched());
    if (came.whole) await this.#trust(blob);
  }

  async *get(blob: BlobName, offset = 0, limit = Infinity): AsyncIterable<Uint8Array> {
    const version = await this.inner.version(blob);
    if (version === undefined) {
      yield* slice(this.#provedAtEnd(blob), offset, limit);
      return;
    }
    const trusted = this.#trusted.get(blob.digest);
    if (trusted?.version !== version || this.clock.now() - trusted.at > TRUST_MS) {
      await this.#verifyOnce(blob, version);
    }
    yield* this.inner.get(blob, offset, limit);
  }

  /**
   * Reads and hashes a blob, however short a while ago that was last done.
   * @throws KbisectError `not-found`, `data-loss`
   */
  async verify(blob: BlobName): Promise<void> {
    const version = await this.inner.version(blob);
    await this.#verifyOnce(blob, version ?? '');
  }

  setAside(blob: BlobName): Promise<void> {
    return this.inner.setAside(blob);
  }

  version(blob: BlobName): Promise<string | undefined> {
    return this.inner.version(blob);
  }

  /** However many want a copy verified at once, it is read once. */
  async #verifyOnce(blob: BlobName, version: string): Promise<void> {
    const key = `${blob.digest} ${version}`;
    let verifying = this.#verifying.get(key);
    if (verifying === undefined) {
      verifying = this.#verify(blob, version).finally(() => this.#verifying.delete(key));
      this.#verifying.set(key, verifying);
    }
    await verifying;
  }

  async #verify(blob: BlobName, version: string): Promise<void> {
    for await (const chunk of this.#provedAtEnd(blob, version)) giveBackChunk(chunk);
    this.#trusted.set(blob.digest, { version, at: this.clock.now() });
  }

  /** What was just written right is read from memory for a while, so that hashing it again would prove nothing. */
  async #trust(blob: BlobName): Promise<void> {
    const version = await this.inner.version(blob);
    if (version !== undefined) this.#trusted.set(blob.digest, { version, at: this.clock.now() });
  }

  /** The whole blob; the last chunk comes only when all of it has proved right. */
  async *#provedAtEnd(blob: BlobName, version?: string): AsyncIterable<Uint8Array> {
    const hash = createHash('sha256');
    let last: Uint8Array | undefined;
    for await (const chunk of this.inner.get(blob)) {
      if (last !== undefined) yield last;
      hash.update(chunk);
      last = chunk;
    }
    if (hash.digest('hex') !== blob.digest) {
      const same = version === undefined || (await this.inner.version(blob)) === version;
      if (same) await this.inner.setAside(blob);
      this.log.error({ blob: blob.digest, size: blob.size }, 'a stored blob has rotted and is set aside');
      throw new KbisectError(
        'data-loss',
        `blob ${blob.digest} had rotted where it is kept and is set aside; make it again`,
      );
    }
    if (last !== undefined) yield last;
  }
}

/** The bytes of a blob that is being put; throws at their end, or as soon as there are too many, when they are not its. */
async function* proved(
  { digest, size }: BlobName,
  bytes: AsyncIterable<Uint8Array>,
): AsyncIterable<Uint8Array> {
  const hash = createHash('sha256');
  let count = 0;
  for await (const chunk of bytes) {
    count += chunk.length;
    if (count > size) throw wrongBytes(digest, `has more than the ${size} bytes announced`);
    hash.update(chunk);
    yield chunk;
  }
  if (count !== size) throw wrongBytes(digest, `has ${count} bytes, ${size} were announced`);
  const actual = hash.digest('hex');
  if (actual !== digest) throw wrongBytes(digest, `hashes to ${actual}`);
}

function wrongBytes(digest: Digest, what: string): KbisectError {
  return new KbisectError('invalid-argument', `what was sent as blob ${digest} ${what}`);
}

/** A part of the bytes; all of them are read all the same. */
async function* slice(
  bytes: AsyncIterable<Uint8Array>,
  offset: number,
  limit: number,
): AsyncIterable<Uint8Array> {
  let position = 0;
  for await (const chunk of bytes) {
    const part = chunk.subarray(Math.max(0, offset - position), Math.max(0, offset + limit - position));
    position += chunk.length;
    if (part.length > 0) yield part;
  }
}
