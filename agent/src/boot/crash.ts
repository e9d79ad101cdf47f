/** A kind of message with which the kernel says that it has gone wrong. */
interface CrashPattern {
  readonly pattern: RegExp;
  /** The title, from what the pattern caught. */
  readonly title: (found: RegExpExecArray) => string;
}

const whole = (found: RegExpExecArray) => found[0];

/**
 * Messages after which the kernel cannot be trusted. A WARNING is not among them. The first that matches a line counts,
 * so the particular ones stand before the general.
 */
const CRASHES: readonly CrashPattern[] = [
  { pattern: /BUG: (?:KASAN|KFENCE|KMSAN|KCSAN): .*/, title: whole },
  { pattern: /BUG: unable to handle .*/, title: (found) => found[0].replace(/ (?:at|for address:?) .*/, '') },
  { pattern: /BUG: kernel NULL pointer dereference/, title: whole },
  { pattern: /BUG: soft lockup/, title: whole },
  { pattern: /BUG: .*/, title: whole },
  {
    pattern: /kernel BUG at (.*)!/,
    title: (found) => `kernel BUG at ${(found[1] ?? '').replace(/:\d+$/, '')}`,
  },
  { pattern: /general protection fault/, title: whole },
  {
    pattern: /(?:stack segment|invalid opcode|divide error|double fault): 0000/,
    title: (found) => found[0].replace(/: 0+$/, ''),
  },
  { pattern: /Internal error: .*/, title: whole },
  { pattern: /Unable to handle kernel .*/, title: (found) => found[0].replace(/ at virtual address .*/, '') },
  { pattern: /Kernel panic - not syncing: (.*)/, title: (found) => `panic: ${found[1] ?? ''}` },
  { pattern: /rcu: INFO: .* (?:self-)?detected stall/, title: () => 'rcu stall' },
  { pattern: /Oops: .*/, title: () => 'Oops' },
];

/** Where it happened: the symbol that the instruction pointer is in. */
const WHERE = /(?:RIP: [0-9a-f]{4}:|pc : )([A-Za-z_][\w.]*)\+0x/;

/**
 * The same bug gives the same signature: time, addresses, numbers of CPUs and processes, and names that the compiler made
 * are taken out.
 */
export function normaliseTitle(title: string): string {
  return title
    .replace(/\b0x[0-9a-f]+(?:\/0x[0-9a-f]+)?/gi, 'ADDR')
    .replace(/\b[0-9a-f]{8,16}\b/g, 'ADDR')
    .replace(/\+ADDR(?:\/ADDR)?/g, '')
    .replace(/CPU#?:?\s*\d+/g, 'CPU')
    .replace(/\b(?:pid|PID|task|for|exitcode=)[ =:]*\d+s?\b/g, (word) => word.replace(/\d+/, 'N'))
    .replace(/\.(?:isra|constprop|part|cold)\.?\d*/g, '')
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, 200);
}

/** Collects the first crash of a console, line by line. */
export class CrashFinder {
  #title: string | undefined;
  #where: string | undefined;

  take(line: string): void {
    if (this.#title === undefined) {
      for (const { pattern, title } of CRASHES) {
        const found = pattern.exec(line);
        if (found === null) continue;
        this.#title = title(found);
        return;
      }
      return;
    }
    this.#where ??= WHERE.exec(line)?.[1];
  }

  /** The crash's signature, if there was one. */
  get signature(): string | undefined {
    if (this.#title === undefined) return undefined;
    const title = normaliseTitle(this.#title);
    const where = this.#where?.replace(/\.(?:isra|constprop|part|cold)\.?\d*/g, '');
    return where === undefined || title.includes(where) ? title : `${title} in ${where}`;
  }
}
