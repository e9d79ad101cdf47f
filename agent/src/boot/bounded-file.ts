import { createWriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';

/** A file that takes a stream of any length: its beginning and its end, and how much is left out between them. */
export class BoundedFile {
  readonly #file;
  #headLeft: number;
  #tail: Buffer[] = [];
  #tailSize = 0;
  #leftOut = 0;

  /** @param half bytes that are kept of the beginning, and of the end */
  constructor(
    path: string,
    private readonly half: number,
  ) {
    this.#file = createWriteStream(path);
    this.#headLeft = half;
  }

  write(chunk: Buffer): void {
    const head = chunk.subarray(0, this.#headLeft);
    if (head.length > 0) this.#file.write(head);
    this.#headLeft -= head.length;
    const rest = chunk.subarray(head.length);
    if (rest.length === 0) return;
    this.#tail.push(rest);
    this.#tailSize += rest.length;
    // Whole chunks go, and only when there is another half of them, so that this is rare.
    if (this.#tailSize > 2 * this.half) this.#trim();
  }

  /** Ends the file. @throws the file system's errors */
  async end(): Promise<void> {
    this.#trim();
    if (this.#leftOut > 0) this.#file.write(`\n[kbisect: ${this.#leftOut} bytes are left out here]\n`);
    for (const chunk of this.#tail) this.#file.write(chunk);
    this.#file.end();
    await finished(this.#file);
  }

  #trim(): void {
    const whole = Buffer.concat(this.#tail);
    const kept = whole.subarray(Math.max(0, whole.length - this.half));
    this.#leftOut += whole.length - kept.length;
    this.#tail = [kept];
    this.#tailSize = kept.length;
  }
}
