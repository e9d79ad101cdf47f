import { KbisectError } from './errors.js';
import type { Git } from './git.js';
import { run } from './process.js';
import { Readable } from 'node:stream';

/**
 * Reads files of commits, one after the other, as `git cat-file --batch` prints them.
 * @param names `COMMIT:PATH` each; none may contain a newline
 * @param take is called for each name in order, with the content, a character for each byte, or undefined when there is no such file
 */
export async function readBlobs(
  git: Git,
  names: readonly string[],
  take: (content: string | undefined) => void,
  signal: AbortSignal,
): Promise<void> {
  const parser = new BatchParser(take);
  const command = git.command(['cat-file', '--batch'], {
    signal,
    input: Readable.from(names.map((name) => `${name}\n`)),
    onOutput: (chunk, stream) => {
      if (stream === 'stdout') parser.push(chunk);
    },
  });
  const done = await run(command);
  if (done.status !== 0) {
    throw new KbisectError('command-failed', `git cat-file failed: ${done.stderr.trim().slice(-500)}`);
  }
}

/** Takes apart what `git cat-file --batch` prints: a line with the size, the content, a newline; or that it is missing. */
class BatchParser {
  #chunks: Buffer[] = [];
  #held = 0;
  /** Bytes that have to be there before anything can be done with them. */
  #wanted = 1;

  constructor(private readonly take: (content: string | undefined) => void) {}

  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#held += chunk.length;
    if (this.#held < this.#wanted) return;
    let rest = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks);
    for (let size = this.#entry(rest); size > 0; size = this.#entry(rest)) rest = rest.subarray(size);
    this.#chunks = [Buffer.from(rest)];
    this.#held = rest.length;
  }

  /** Takes one entry off the front and gives its length, 0 when it is not whole. */
  #entry(bytes: Buffer): number {
    const end = bytes.indexOf(10);
    this.#wanted = bytes.length + 1;
    if (end < 0) return 0;
    const size = /^[0-9a-f]+ \w+ (\d+)$/.exec(bytes.toString('latin1', 0, end))?.[1];
    if (size === undefined) {
      this.take(undefined);
      return end + 1;
    }
    const whole = end + 1 + Number(size) + 1;
    if (bytes.length < whole) {
      this.#wanted = whole;
      return 0;
    }
    this.take(bytes.toString('latin1', end + 1, whole - 1));
    return whole;
  }
}
