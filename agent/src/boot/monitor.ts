import type { Duplex } from 'node:stream';

/** QEMU's arguments for a monitor on the file descriptor, which is one end of a socket pair. */
export function monitorArguments(fd: number): string[] {
  return ['-chardev', `socket,id=monitor,fd=${fd}`, '-mon', 'chardev=monitor,mode=control'];
}

const MAX_ANSWER = 1024 * 1024;

/** The monitor of a running QEMU, by its machine protocol (QMP). A QEMU that does not answer is no error: it may be gone. */
export class Monitor {
  #text = '';
  #waiting: ((answer: Record<string, unknown> | undefined) => void) | undefined;

  constructor(private readonly socket: Duplex) {
    socket.on('data', (chunk: Buffer) => this.#take(chunk.toString('utf8')));
    socket.on('error', () => this.#answer(undefined));
    socket.on('close', () => this.#answer(undefined));
  }

  /** What QEMU says to a command for people, such as `info registers`; empty when it does not answer in time. */
  async human(line: string, patienceMs: number): Promise<string> {
    await this.#execute('qmp_capabilities', {}, patienceMs);
    const answer = await this.#execute('human-monitor-command', { 'command-line': line }, patienceMs);
    const text = answer?.['return'];
    return typeof text === 'string' ? text.replaceAll('\r', '') : '';
  }

  /** One at a time. */
  async #execute(
    command: string,
    args: Record<string, unknown>,
    patienceMs: number,
  ): Promise<Record<string, unknown> | undefined> {
    if (!this.socket.writable) return undefined;
    this.socket.write(`${JSON.stringify({ execute: command, arguments: args })}\n`);
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#answer(undefined), patienceMs);
      this.#waiting = (answer) => {
        clearTimeout(timer);
        resolve(answer);
      };
    });
  }

  #take(text: string): void {
    this.#text = (this.#text + text).slice(-MAX_ANSWER);
    for (let end = this.#text.indexOf('\n'); end >= 0; end = this.#text.indexOf('\n')) {
      const line = this.#text.slice(0, end);
      this.#text = this.#text.slice(end + 1);
      const answer = parse(line);
      // A greeting and events come as they like.
      if (answer !== undefined && ('return' in answer || 'error' in answer)) this.#answer(answer);
    }
  }

  #answer(answer: Record<string, unknown> | undefined): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.(answer);
  }
}

function parse(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
