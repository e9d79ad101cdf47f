import { CrashFinder } from './crash.js';

/** What the harness said last, if anything. */
export type Marker =
  | { readonly kind: 'ready' | 'pass' | 'fail' | 'timeout' }
  | { readonly kind: 'harness-broken' | 'environment-missing'; readonly reason: string };

/** What is read off a guest's console. */
export interface ConsoleFacts {
  /** The harness's last word; undefined when it never came up. */
  readonly marker: Marker | undefined;
  /** The signature of the first crash. */
  readonly crash: string | undefined;
  /** The last lines, for whoever looks at a hang. */
  readonly lastLines: string;
}

const MAX_LINE = 4096;
const LAST_LINES = 20;
/** The time, and on some kernels the task or CPU, before each line of the kernel's own. */
const PREFIX = /^(?:<\d+>)?\[ *\d+\.\d+\](?:\[ *[TC]\d+\])? /;

/** Reads a console as it comes, in any pieces. Nothing in it can make this throw. */
export class ConsoleReader {
  #partial = '';
  #marker: Marker | undefined;
  #last: string[] = [];
  readonly #crash = new CrashFinder();
  readonly #markers: RegExp;

  /** @param nonce what the harness's lines carry in this boot; nothing else in the guest knows it */
  constructor(nonce: string) {
    // A message of the kernel may stand before a marker or run into its end.
    this.#markers = new RegExp(
      `kbisect ${nonce} (READY|PASS|FAIL|TIMEOUT|HARNESS-BROKEN|ENVIRONMENT-MISSING)(?: (.*))?`,
    );
  }

  take(chunk: Buffer): void {
    const lines = (this.#partial + chunk.toString('latin1')).split('\n');
    this.#partial = (lines.pop() ?? '').slice(-MAX_LINE);
    for (const line of lines) this.#line(line.slice(0, MAX_LINE).replace(/\r/g, ''));
  }

  /** Whether the harness has said its last word. */
  get over(): boolean {
    return this.#marker !== undefined && this.#marker.kind !== 'ready';
  }

  facts(): ConsoleFacts {
    return {
      marker: this.#marker,
      crash: this.#crash.signature,
      lastLines: [...this.#last, this.#partial]
        .filter((line) => line !== '')
        .slice(-LAST_LINES)
        .join('\n'),
    };
  }

  #line(line: string): void {
    const text = line.replace(PREFIX, '');
    const [, word, reason] = this.#markers.exec(text) ?? [];
    if (word !== undefined && !this.over) this.#marker = markerOf(word, reason ?? '');
    this.#crash.take(text);
    if (text !== '') this.#last = [...this.#last.slice(1 - LAST_LINES), line];
  }
}

function markerOf(word: string, reason: string): Marker {
  switch (word) {
    case 'READY':
      return { kind: 'ready' };
    case 'PASS':
      return { kind: 'pass' };
    case 'FAIL':
      return { kind: 'fail' };
    case 'TIMEOUT':
      return { kind: 'timeout' };
    case 'ENVIRONMENT-MISSING':
      return { kind: 'environment-missing', reason };
    default:
      return { kind: 'harness-broken', reason };
  }
}
