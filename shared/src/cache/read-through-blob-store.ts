import { KbisectError, messageOf } from '../errors.js';
import type { Logger } from '../log.js';
import type { BlobName } from './blob-name.js';
import type { BlobStore } from './blob-store.js';

/**
 * A near store in front of a far one. What is read comes from the near one, which fetches it whole from the far one when
 * it lacks it; what is put goes to the far one, and so does the question what is missing there.
 */
export class ReadThroughBlobStore implements BlobStore {
  readonly #fetching = new Map<string, Promise<void>>();

  constructor(
    private readonly near: BlobStore,
    private readonly far: BlobStore,
    private readonly log: Logger,
  ) {}

  missing(blobs: readonly BlobName[]): Promise<BlobName[]> {
    return this.far.missing(blobs);
  }

  async put(blob: BlobName, bytes: AsyncIterable<Uint8Array>): Promise<void> {
    await this.far.put(blob, bytes);
  }

  async *get(blob: BlobName, offset?: number, limit?: number): AsyncIterable<Uint8Array> {
    // A second try follows when the near copy was rotten, which it tells before its first byte.
    for (const last of [false, true]) {
      if (!(await this.#fetch(blob))) break;
      let begun = false;
      try {
        for await (const chunk of this.near.get(blob, offset, limit)) {
          begun = true;
          yield chunk;
        }
        return;
      } catch (error) {
        if (begun || last || !isGone(error)) throw error;
      }
    }
    yield* this.far.get(blob, offset, limit);
  }

  async setAside(blob: BlobName): Promise<void> {
    await this.near.setAside(blob);
  }

  version(blob: BlobName): Promise<string | undefined> {
    return this.near.version(blob);
  }

  /** Sees to it that the near store has the blob; false when it has no room for it. */
  async #fetch(blob: BlobName): Promise<boolean> {
    if ((await this.near.missing([blob])).length === 0) return true;
    let fetching = this.#fetching.get(blob.digest);
    if (fetching === undefined) {
      fetching = this.near.put(blob, this.far.get(blob)).finally(() => this.#fetching.delete(blob.digest));
      this.#fetching.set(blob.digest, fetching);
    }
    try {
      await fetching;
      return true;
    } catch (error) {
      if (!(error instanceof KbisectError) || error.code !== 'resource-exhausted') throw error;
      this.log.warn({ reason: messageOf(error) }, 'the near cache has no room');
      return false;
    }
  }
}

function isGone(error: unknown): boolean {
  return error instanceof KbisectError && (error.code === 'data-loss' || error.code === 'not-found');
}
