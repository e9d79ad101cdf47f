import { closeSync, constants, openSync, readSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { systemCode } from '@kbisect/shared/errors';
import { runText } from '@kbisect/shared/process';

/** How often it is looked into. It holds 64 KiB, more than a serial port brings in this time. */
const LOOK_MS = 20;

/** Reading ends of pipes that are empty and that nobody writes to: making one takes a process. */
const idle: number[] = [];

/**
 * Takes a guest's console. QEMU writes a serial port byte by byte, and whoever waits for bytes is woken by each of them, at a
 * cost to both sides that makes a boot some percent longer. So nobody waits: the pipe is looked into at intervals.
 */
export class ConsolePipe {
  readonly #piece = Buffer.allocUnsafe(64 * 1024);
  readonly #timer = setInterval(() => this.drain(), LOOK_MS);
  #writing: number | undefined;
  #ended = false;

  private constructor(
    private readonly reading: number,
    private readonly onData: (chunk: Buffer) => void,
  ) {
    this.#writing = openSync(`/proc/self/fd/${reading}`, constants.O_WRONLY);
  }

  /**
   * @param path a free name, where the pipe may lie for a moment
   * @param onData gets what has come; it may keep the chunk
   */
  static async open(path: string, onData: (chunk: Buffer) => void): Promise<ConsolePipe> {
    return new ConsolePipe(idle.pop() ?? (await makePipe(path)), onData);
  }

  /** The descriptor for the process that writes, to be inherited. */
  get writing(): number {
    return this.#writing ?? -1;
  }

  /** The process that writes has been started. */
  handedOver(): void {
    if (this.#writing !== undefined) closeSync(this.#writing);
    this.#writing = undefined;
  }

  /** Passes on all that has been written. */
  drain(): void {
    try {
      let size: number;
      do {
        size = readSync(this.reading, this.#piece);
        if (size > 0) this.onData(Buffer.from(this.#piece.subarray(0, size)));
      } while (size > 0);
      // Nothing, and nobody who could write.
      this.#ended = true;
    } catch (error) {
      if (systemCode(error) !== 'EAGAIN') throw error;
    }
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.handedOver();
    if (this.#ended) idle.push(this.reading);
    else closeSync(this.reading);
  }
}

/** The reading end of a new pipe, for which Node has no call of its own. */
async function makePipe(path: string): Promise<number> {
  await runText({ program: 'mkfifo', args: ['--mode=600', '--', path] });
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } finally {
    await rm(path);
  }
}
