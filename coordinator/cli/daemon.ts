import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, type WriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { killGroup, startProcess } from '@kbisect/shared/process';

/** A daemon that does not end in so long after it was asked to is killed. */
const GRACE_MS = 15_000;

const PROGRAM = fileURLToPath(new URL('../../bin/kbisect.js', import.meta.url));

/** This same program as another process, `coordinator` or `agent`, that dies with us. */
export class Daemon {
  /** Resolves with its last words when it has ended, whatever the reason. */
  readonly ended: Promise<string>;
  readonly #child: ChildProcess;
  readonly #log: WriteStream;
  #lastWords = '';
  #over = false;

  /**
   * @param args the command and its options
   * @param logFile where its output goes, after what is there
   * @param onLine sees each line of its standard output
   * @param secrets added to its environment, which others cannot read, unlike its arguments
   */
  constructor(
    args: readonly string[],
    logFile: string,
    onLine?: (line: string) => void,
    secrets: NodeJS.ProcessEnv = {},
  ) {
    this.#log = createWriteStream(logFile, { flags: 'a' });
    // A disk that is full costs the log, not the farm.
    this.#log.on('error', () => undefined);
    this.#child = startProcess(
      { program: process.execPath, args: [PROGRAM, ...args], env: { ...process.env, ...secrets } },
      ['ignore', 'pipe', 'pipe'],
    );
    const { stdout, stderr } = this.#child;
    if (!stdout || !stderr) throw new Error('a daemon without pipes');
    stdout.pipe(this.#log, { end: false });
    stderr.pipe(this.#log, { end: false });
    if (onLine) createInterface(stdout).on('line', onLine);
    createInterface(stderr).on('line', (line) => {
      // What it says to a person counts more than its log.
      if (line.startsWith('kbisect: ')) this.#lastWords = line.slice('kbisect: '.length);
    });
    this.ended = this.#end();
  }

  get over(): boolean {
    return this.#over;
  }

  /** Ends it in order, and if that takes too long, at once. */
  async stop(): Promise<void> {
    if (this.#over) return;
    killGroup(this.#child, 'SIGTERM');
    const patience = new AbortController();
    const late = delay(GRACE_MS, undefined, { signal: patience.signal }).then(
      () => killGroup(this.#child),
      () => undefined,
    );
    await this.ended;
    patience.abort();
    await late;
  }

  async #end(): Promise<string> {
    const [status, signal] = (await once(this.#child, 'close')) as [number | null, NodeJS.Signals | null];
    this.#over = true;
    this.#log.end();
    if (this.#lastWords !== '') return this.#lastWords;
    return signal ? `killed by ${signal}` : `ended with status ${status ?? '?'}`;
  }
}
