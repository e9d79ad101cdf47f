import { join } from 'node:path';
import type { DiskBlobStore } from '@kbisect/shared/cache/disk-blob-store';
import { writeDurably } from '@kbisect/shared/cache/durable-file';
import { digest, type Digest } from '@kbisect/shared/digest';
import { KbisectError } from '@kbisect/shared/errors';
import { readIfThere } from '@kbisect/shared/read-if-there';

/** Blobs that people keep from being evicted, remembered in a file of one digest a line. */
export class PeoplePins {
  private constructor(
    private readonly directory: string,
    private readonly blobs: DiskBlobStore,
    private readonly pins: Set<Digest>,
  ) {}

  /** @param directory the cache's */
  static async open(directory: string, blobs: DiskBlobStore): Promise<PeoplePins> {
    const pins = new Set((await readLines(join(directory, 'pins'))).map(digest));
    for (const pin of pins) blobs.pin(pin);
    return new PeoplePins(directory, blobs, pins);
  }

  list(): Digest[] {
    return [...this.pins];
  }

  /** @throws KbisectError `not-found` when there is no such blob to keep */
  async pin(blob: Digest): Promise<void> {
    if (this.pins.has(blob)) return;
    if ((await this.blobs.sizeOf(blob)) === undefined) {
      throw new KbisectError('not-found', `there is no blob ${blob}`);
    }
    this.blobs.pin(blob);
    this.pins.add(blob);
    await this.#write();
  }

  /** @throws KbisectError `not-found` when it was not pinned */
  async unpin(blob: Digest): Promise<void> {
    if (!this.pins.delete(blob)) throw new KbisectError('not-found', `blob ${blob} is not pinned`);
    await this.#write();
    this.blobs.unpin(blob);
  }

  async #write(): Promise<void> {
    const text = [...this.pins].map((pin) => `${pin}\n`).join('');
    await writeDurably(join(this.directory, 'pins'), Buffer.from(text), join(this.directory, 'tmp'));
  }
}

async function readLines(path: string): Promise<string[]> {
  return ((await readIfThere(path)) ?? '').split('\n').filter((line) => line !== '');
}
