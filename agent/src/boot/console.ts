import { KernelLines } from './kernel-line.js';
import { LastLines } from './last-lines.js';
import { ReportFinder } from './report-finder.js';
import type { KernelReport } from './report.js';
import type { Resolve } from './trace.js';
import type { Pattern } from '@kbisect/shared/pattern';

/** What the harness said last, if anything. */
export type Marker =
  | { readonly kind: 'ready' | 'pass' | 'fail' | 'timeout' }
  | { readonly kind: 'harness-broken' | 'environment-missing'; readonly reason: string };

/** What is read off a guest's console. */
export interface ConsoleFacts {
  /** The harness's last word; undefined when it never came up. */
  readonly marker: Marker | undefined;
  /** The kernel's first report of a crash. */
  readonly crash: KernelReport | undefined;
  /** What it complained of and went on. */
  readonly warnings: readonly KernelReport[];
  /** The first line of the test's time that the job's output pattern matches. */
  readonly matched: string | undefined;
  /** The last lines, for whoever looks at a hang. */
  readonly lastLines: string;
  /** What the kernel said of its tasks and CPUs when the harness asked it in a test that does not end. */
  readonly asked: string | undefined;
}

const MAX_LINE = 4096;
const LAST_LINES = 20;
/** Kept of an answer to a sysrq. */
const MAX_ASKED_LINES = 400;
const SYSRQ = /^sysrq: (?:SysRq : )?Show /;
const MAX_MATCHED = 512;

/** Reads a console as it comes, in any pieces. Nothing in it can make this throw. */
export class ConsoleReader {
  #partial = '';
  #marker: Marker | undefined;
  readonly #last = new LastLines(LAST_LINES);
  readonly #kernel = new KernelLines();
  readonly #reports = new ReportFinder();
  readonly #markers: RegExp;
  #offset = 0n;
  #asked: string[] | undefined;
  #matched: string | undefined;

  /**
   * @param nonce what the harness's lines carry in this boot; nothing else in the guest knows it
   * @param output what the job looks for in the console
   */
  constructor(
    nonce: string,
    private readonly output?: Pattern,
  ) {
    // A message of the kernel may stand before a marker or run into its end.
    this.#markers = new RegExp(
      `kbisect ${nonce} (READY|PASS|FAIL|TIMEOUT|HARNESS-BROKEN|ENVIRONMENT-MISSING)(?: (.*))?`,
    );
  }

  take(chunk: Buffer): void {
    const text = this.#partial + chunk.toString('latin1');
    let start = 0;
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', start)) {
      if (end > start) this.#line(text.slice(start, Math.min(end, start + MAX_LINE)));
      start = end + 1;
    }
    this.#partial = text.slice(Math.max(start, text.length - MAX_LINE));
  }

  /** Whether the harness has said its last word. */
  get over(): boolean {
    return this.#marker !== undefined && this.#marker.kind !== 'ready';
  }

  /** Whether the kernel has reported a crash. */
  get crashed(): boolean {
    return this.#reports.crashed;
  }

  /** Whether it has reported anything. */
  get reported(): boolean {
    return this.#reports.reported;
  }

  /** Names the addresses of this boot, in which the kernel may have been moved (KASLR). */
  moved(resolve: Resolve): Resolve {
    return this.#offset === 0n
      ? resolve
      : (address) => resolve(`0x${BigInt.asUintN(64, BigInt(address) - this.#offset).toString(16)}`);
  }

  /** What was read, once the console has ended. @param resolve names addresses, for a kernel that prints no names */
  facts(resolve: Resolve = () => undefined): ConsoleFacts {
    this.#line(this.#partial);
    this.#partial = '';
    return {
      marker: this.#marker,
      crash: this.#reports.crash(this.moved(resolve)),
      warnings: this.#reports.warnings(this.moved(resolve)),
      matched: this.#matched,
      asked: this.#asked?.join('\n'),
      lastLines: Buffer.from(this.#last.lines().join('\n'), 'latin1').toString('utf8'),
    };
  }

  #line(raw: string): void {
    const line = raw.includes('\r') ? raw.replaceAll('\r', '') : raw;
    if (line === '') return;
    if (line.includes('kbisect ')) this.#mark(line);
    else if (this.#matched === undefined && this.#marker !== undefined && this.output?.matches(line))
      this.#matched = Buffer.from(line, 'latin1').toString('utf8').slice(0, MAX_MATCHED);
    const kernel = this.#kernel.in(line);
    if (kernel !== undefined && SYSRQ.test(kernel.text)) this.#asked ??= [];
    if (this.#asked === undefined) this.#last.push(line);
    else if (this.#asked.length < MAX_ASKED_LINES) this.#asked.push(line);
    if (kernel === undefined) return;
    this.#reports.take(kernel);
    if (kernel.text.startsWith('Kernel Offset: ')) this.#offset = offsetOf(kernel.text);
  }

  #mark(line: string): void {
    const [, word, reason] = this.#markers.exec(line) ?? [];
    if (word !== undefined && !this.over) this.#marker = markerOf(word, reason ?? '');
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

/** `Kernel Offset: 0x1a000000 from 0xffffffff81000000`, which a panic ends with. */
function offsetOf(text: string): bigint {
  const found = /^Kernel Offset: (0x[0-9a-f]{1,16}) /.exec(text);
  return BigInt(found?.[1] ?? 0);
}
