/** Where in a report the function stands that the bug is in. */
export type PlaceRule =
  /** The instruction pointer; of a bystander that only found the trouble, its caller. */
  | 'instruction'
  /** The first function of the call trace that is no bystander. */
  | 'caller'
  /** What the CPU was busy with: the system call, or the work of a kernel thread. Where a stall is seen is chance. */
  | 'busy-with'
  /** The title says all. */
  | 'title';

/** What a pattern makes of the line that it knows. */
export interface Found {
  /** Without the function; not yet normalised. */
  readonly title: string;
  /** A function that the line itself names. */
  readonly symbol?: string;
  /** The source file that the line itself names, perhaps with its line. */
  readonly file?: string;
}

/** A message with which the kernel says that something has gone wrong. */
export interface ReportPattern {
  /** How its line begins, after the time: only such lines are looked at. */
  readonly starts: string;
  /** What the line says; undefined when it is another message after all. */
  readonly read: (line: string) => Found | undefined;
  /** Whether it is a crash: else the kernel complains and goes on, and a test may still pass. */
  readonly crash: boolean;
  readonly place: PlaceRule;
}

/** A kernel's report of a bug, as it was read off the console. */
export interface KernelReport {
  readonly signature: string;
  readonly crash: boolean;
  readonly function: string | undefined;
  readonly file: string | undefined;
  /** The kernel's taint flags before it, such as `W`; empty when it was not tainted; undefined when it did not say. */
  readonly taint: string | undefined;
}

/** A pattern whose line, as it begins, says all. */
export function plain(starts: string, title: string, crash: boolean, place: PlaceRule): ReportPattern {
  return { starts, read: () => ({ title }), crash, place };
}

/** A pattern whose line must match an expression, which says what the title is. */
export function matched(
  starts: string,
  expression: RegExp,
  read: (found: RegExpExecArray) => Found,
  crash: boolean,
  place: PlaceRule,
): ReportPattern {
  return {
    starts,
    read: (line) => {
      const found = expression.exec(line);
      return found === null ? undefined : read(found);
    },
    crash,
    place,
  };
}

/** Text that a bounded part of an expression caught. */
export function part(found: RegExpExecArray, n = 1): string {
  return found[n] ?? '';
}
