import type { KernelLine } from './kernel-line.js';
import type { Found, KernelReport, ReportPattern } from './report.js';
import { BUG } from './reports/bug.js';
import { LOCKING } from './reports/locking.js';
import { MEMORY } from './reports/memory.js';
import { OOPS } from './reports/oops.js';
import { FOLLOWS_A_WARNING, PANIC } from './reports/panic.js';
import { prefaceOf } from './reports/preface.js';
import { SANITISERS } from './reports/sanitisers.js';
import { STALLS } from './reports/stalls.js';
import { normaliseTitle, treePath } from './signature.js';
import { Trace, type Resolve } from './trace.js';

/** The first that knows a line counts, so the particular ones stand before the general. */
const PATTERNS: readonly ReportPattern[] = [
  ...OOPS,
  ...BUG,
  ...SANITISERS,
  ...LOCKING,
  ...STALLS,
  ...MEMORY,
  ...PANIC,
];
/** Any other trouble that the kernel calls a bug. */
const ANY_BUG: ReportPattern = {
  starts: 'BUG: ',
  read: (line) => ({ title: line.slice(0, 200) }),
  crash: true,
  place: 'caller',
};

/** By the first character of their lines: most lines begin no report, and are to cost nothing. */
const BY_FIRST = new Map<number, ReportPattern[]>();
for (const pattern of [...PATTERNS, ANY_BUG]) {
  const first = pattern.starts.charCodeAt(0);
  BY_FIRST.set(first, [...(BY_FIRST.get(first) ?? []), pattern]);
}

/** A report that is being read. */
interface OpenReport {
  readonly pattern: ReportPattern;
  readonly found: Found;
  readonly caller: string | undefined;
  readonly trace: Trace;
  crash: boolean;
  /** Lines that may still belong to it. */
  left: number;
}

const MAX_REPORT_LINES = 400;
const MAX_WARNINGS = 8;
/** Between a preface and its report stand at most so many lines. */
const PREFACE_LINES = 4;

/** Collects the kernel's reports of a console, line by line, in time linear in the console. */
export class ReportFinder {
  #crash: OpenReport | undefined;
  readonly #warnings: OpenReport[] = [];
  #preface: { readonly title: string; readonly caller: string | undefined; left: number } | undefined;

  take({ text, caller }: KernelLine): void {
    this.#extend(text, caller);
    const found = read(text);
    if (found !== undefined) this.#begin(found.pattern, found.found, caller);
    else if (this.#preface !== undefined && --this.#preface.left <= 0) this.#preface = undefined;
    const title = prefaceOf(text);
    if (title !== undefined) this.#preface = { title, caller, left: PREFACE_LINES };
    if (text.startsWith('Kernel panic') && FOLLOWS_A_WARNING.test(text)) this.#promote();
  }

  get reported(): boolean {
    return this.#crash !== undefined || this.#warnings.length > 0;
  }

  get crashed(): boolean {
    return this.#crash !== undefined;
  }

  /** The first crash. @param resolve names addresses, for a kernel that prints no names */
  crash(resolve: Resolve): KernelReport | undefined {
    return this.#crash && reportOf(this.#crash, resolve);
  }

  /** What the kernel complained of without a crash: the first of each signature, in order. */
  warnings(resolve: Resolve): KernelReport[] {
    const reports = new Map<string, KernelReport>();
    for (const warning of this.#warnings) {
      if (warning === this.#crash) continue;
      const report = reportOf(warning, resolve);
      if (!reports.has(report.signature)) reports.set(report.signature, report);
    }
    return [...reports.values()];
  }

  /** The line, for all reports that it may belong to. */
  #extend(text: string, caller: string | undefined): void {
    for (const open of [this.#crash, this.#warnings.at(-1)]) {
      if (open === undefined || open.left <= 0) continue;
      if (open.caller !== undefined && caller !== undefined && open.caller !== caller) continue;
      open.left = text.startsWith('---[ end ') ? 0 : open.left - 1;
      open.trace.take(text);
    }
  }

  #begin(pattern: ReportPattern, found: Found, caller: string | undefined): void {
    const preface = this.#preface?.caller === caller ? this.#preface : undefined;
    this.#preface = undefined;
    // What a kernel says after a crash follows from it.
    if (this.#crash !== undefined || (!pattern.crash && this.#isKnown(found))) return;
    const open: OpenReport = {
      pattern,
      found: preface === undefined ? found : { ...found, title: preface.title },
      caller,
      trace: new Trace(found.symbol),
      crash: pattern.crash,
      left: MAX_REPORT_LINES,
    };
    if (pattern.crash) this.#crash = open;
    else this.#warnings.push(open);
  }

  /** Whether there is no room for a complaint, or it was made before. */
  #isKnown({ title, symbol, file }: Found): boolean {
    if (this.#warnings.length >= MAX_WARNINGS) return true;
    return this.#warnings.some(
      ({ found }) => found.title === title && found.symbol === symbol && found.file === file,
    );
  }

  /** The panic that a warning was asked to be: the warning is the crash. */
  #promote(): void {
    const last = this.#warnings.at(-1);
    if (last === undefined || this.#crash?.pattern.starts.startsWith('Kernel panic') === false) return;
    last.crash = true;
    this.#crash = last;
  }
}

function read(text: string): { pattern: ReportPattern; found: Found } | undefined {
  for (const pattern of BY_FIRST.get(text.charCodeAt(0)) ?? []) {
    if (!text.startsWith(pattern.starts)) continue;
    const found = pattern.read(text);
    if (found !== undefined) return { pattern, found };
  }
  return undefined;
}

function reportOf({ pattern, found, trace, crash }: OpenReport, resolve: Resolve): KernelReport {
  const title = normaliseTitle(found.title);
  const place = trace.place(pattern.place, resolve);
  const signature = place === undefined || title.includes(place.name) ? title : `${title} in ${place.name}`;
  return {
    signature,
    crash,
    function: place?.function,
    file: found.file === undefined ? undefined : treePath(found.file),
    taint: trace.taint,
  };
}
