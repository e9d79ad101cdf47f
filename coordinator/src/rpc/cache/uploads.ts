import type { BlobStore } from '@kbisect/shared/cache/blob-store';
import { decompressed } from '@kbisect/shared/cache/zstd';
import type { Clock } from '@kbisect/shared/clock';
import { KbisectError } from '@kbisect/shared/errors';
import { Pipe } from './pipe.js';
import type { Resource } from './resource-name.js';

/** Uploads at a time, whether their client is connected or not. */
const MAX_UPLOADS = 1024;
/** An upload of which nothing comes for so long is given up. */
const STALLED_MS = 60_000;

/** One upload; it outlives the connection that it came on, so that another can go on with it. */
export class Upload {
  /** Bytes taken so far, as they are on the wire. */
  received = 0;
  /** Resolves when the blob is stored, however that came about; rejects when this upload has failed. */
  readonly stored: Promise<void>;
  usedAt: number;
  /** Connections that send to it now. */
  senders = 0;
  readonly #pipe = new Pipe();

  constructor({ blob, encoding }: Resource, blobs: BlobStore, now: number) {
    this.usedAt = now;
    this.stored = blobs.put(blob, encoding === 'zstd' ? decompressed(this.#pipe) : this.#pipe);
    this.stored.catch(() => undefined).finally(() => this.#pipe.close());
    this.stored.catch(() => undefined); // its client is told, if there still is one
  }

  /** Hands bytes to the store; resolves when it wants more. */
  async push(bytes: Uint8Array, now: number): Promise<void> {
    this.usedAt = now;
    this.received += bytes.length;
    await this.#pipe.push(bytes);
  }

  /** There is no more. */
  finish(): void {
    this.#pipe.end();
  }

  fail(error: KbisectError): void {
    this.#pipe.end(error);
  }
}

/** The uploads under way, by resource name. */
export class Uploads {
  readonly #uploads = new Map<string, Upload>();

  constructor(
    private readonly blobs: BlobStore,
    private readonly clock: Clock,
  ) {}

  /** The upload of this name, if there is one that has not failed. */
  find(name: string): Upload | undefined {
    return this.#uploads.get(name);
  }

  /** Begins an upload; one of the same name is given up. @throws KbisectError `resource-exhausted` */
  begin(name: string, resource: Resource): Upload {
    this.#uploads.get(name)?.fail(new KbisectError('cancelled', 'the upload was begun anew'));
    if (this.#uploads.size >= MAX_UPLOADS) this.#giveUpOne();
    const upload = new Upload(resource, this.blobs, this.clock.now());
    this.#uploads.set(name, upload);
    const forget = () => {
      if (this.#uploads.get(name) === upload) this.#uploads.delete(name);
    };
    upload.stored.then(forget, forget);
    return upload;
  }

  /** Gives up stalled uploads until the signal is aborted, and then all. */
  async watch(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.clock.sleep(STALLED_MS / 10, signal).catch(() => undefined);
      this.giveUpStalled();
    }
    this.#giveUp([...this.#uploads.values()], 'the coordinator stops');
  }

  giveUpStalled(): void {
    const before = this.clock.now() - STALLED_MS;
    const stalled = [...this.#uploads.values()].filter(({ usedAt }) => usedAt < before);
    this.#giveUp(stalled, `nothing came for ${STALLED_MS / 1000} seconds; begin again`);
  }

  /** Makes room for another: the one that nobody sends to and that was left the longest ago goes. */
  #giveUpOne(): void {
    const left = [...this.#uploads.values()].filter(({ senders }) => senders === 0);
    const [oldest] = left.sort((a, b) => a.usedAt - b.usedAt);
    if (oldest === undefined) {
      throw new KbisectError(
        'resource-exhausted',
        `there are ${MAX_UPLOADS} uploads at once; try again later`,
      );
    }
    this.#giveUp([oldest], 'others needed its place; begin again');
  }

  #giveUp(uploads: readonly Upload[], why: string): void {
    for (const [name, upload] of this.#uploads) {
      if (!uploads.includes(upload)) continue;
      this.#uploads.delete(name);
      upload.fail(new KbisectError('unavailable', `the upload was given up: ${why}`));
    }
  }
}
