import type { Duplex } from 'node:stream';

/**
 * QEMU's arguments for a monitor on the file descriptor, which is one end of a socket pair. It is the monitor for people: the
 * one for programs (QMP) takes a thread of its own, which makes each boot some milliseconds longer.
 */
export function monitorArguments(fd: number): string[] {
  return ['-chardev', `socket,id=monitor,fd=${fd}`, '-mon', 'chardev=monitor,mode=readline'];
}

const MAX_TEXT = 1024 * 1024;
const PROMPT = '(qemu) ';

/** The monitor of a running QEMU. One that does not answer is no error: it may be gone. */
export class Monitor {
  #text = '';
  #asked = 0;
  #answered: (() => void) | undefined;

  constructor(private readonly socket: Duplex) {
    socket.on('data', (chunk: Buffer) => {
      if (this.#text.length < MAX_TEXT) this.#text += chunk.toString('latin1');
      if (this.#idle) this.#answered?.();
    });
    socket.on('error', () => this.#answered?.());
    socket.on('close', () => this.#answered?.());
  }

  /**
   * What QEMU says to a command, such as `info registers`, behind an echo of it; empty when it does not answer in time.
   * One at a time.
   */
  async ask(line: string, patienceMs: number): Promise<string> {
    if (!this.socket.writable) return '';
    const start = this.#text.length;
    this.#asked++;
    this.socket.write(`${line}\n`);
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, patienceMs);
      this.#answered = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    return this.#idle ? this.#text.slice(start).replaceAll('\r', '') : '';
  }

  /** Whether it waits for a command: it prompts after its greeting and after each answer. */
  get #idle(): boolean {
    return this.#text.split(PROMPT).length - 1 > this.#asked;
  }
}
