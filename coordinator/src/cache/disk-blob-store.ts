import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Digest } from '@kbisect/shared/digest';
import { KbisectError, systemCode } from '@kbisect/shared/errors';
import { fullDisk, syncDirectory } from './durable-file.js';
import type { BlobStore } from './blob-store.js';

/**
 * Blobs as files of a directory: `blobs/<2 digits>/<digest>`. A blob is written to `tmp/`, hashed on the way,
 * synced, and renamed to its place; what is in `tmp/` at start was never finished and is removed.
 */
export class DiskBlobStore implements BlobStore {
  private constructor(readonly directory: string) {}

  static async open(directory: string): Promise<DiskBlobStore> {
    await rm(join(directory, 'tmp'), { recursive: true, force: true });
    await mkdir(join(directory, 'tmp'), { recursive: true });
    await mkdir(join(directory, 'rotten'), { recursive: true });
    return new DiskBlobStore(directory);
  }

  async size(digest: Digest): Promise<number | undefined> {
    try {
      return (await stat(this.#path(digest))).size;
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  async put(digest: Digest, size: number, bytes: AsyncIterable<Uint8Array>): Promise<void> {
    const temporary = join(this.directory, 'tmp', randomUUID());
    const hash = createHash('sha256');
    let written = 0;
    try {
      const file = await open(temporary, 'wx');
      try {
        for await (const chunk of bytes) {
          written += chunk.length;
          if (written > size) throw wrongBytes(digest, `has more than the ${size} bytes announced`);
          hash.update(chunk);
          await file.writeFile(chunk);
        }
        if (written !== size) throw wrongBytes(digest, `has ${written} bytes, ${size} were announced`);
        const actual = hash.digest('hex');
        if (actual !== digest) throw wrongBytes(digest, `hashes to ${actual}`);
        await file.datasync();
      } finally {
        await file.close();
      }
      const place = this.#path(digest);
      await mkdir(dirname(place), { recursive: true });
      await rename(temporary, place);
      await syncDirectory(dirname(place));
    } catch (error) {
      await rm(temporary, { force: true });
      throw fullDisk(error, `blob ${digest}`);
    }
  }

  async *get(digest: Digest, offset = 0): AsyncIterable<Uint8Array> {
    const hash = offset === 0 ? createHash('sha256') : undefined;
    try {
      for await (const chunk of createReadStream(this.#path(digest), {
        start: offset,
        highWaterMark: 256 * 1024,
      }) as AsyncIterable<Buffer>) {
        hash?.update(chunk);
        yield chunk;
      }
    } catch (error) {
      if (systemCode(error) === 'ENOENT') throw new KbisectError('not-found', `there is no blob ${digest}`);
      throw error;
    }
    if (hash !== undefined && hash.digest('hex') !== digest) {
      await rename(this.#path(digest), join(this.directory, 'rotten', digest));
      throw new KbisectError(
        'data-loss',
        `blob ${digest} had rotted on the disk and is set aside; make it again`,
      );
    }
  }

  #path(digest: Digest): string {
    return join(this.directory, 'blobs', digest.slice(0, 2), digest);
  }
}

function wrongBytes(digest: Digest, what: string): KbisectError {
  return new KbisectError('invalid-argument', `what was sent as blob ${digest} ${what}`);
}
