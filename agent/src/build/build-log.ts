/** Lines in which a compiler, a linker, make or a script says what went wrong. */
const ERRORS = [
  /(?:^|\s)(?:fatal )?error:/i,
  /undefined reference to/,
  /multiple definition of/,
  /^ERROR:/,
  /No rule to make target/,
  /\*\*\* /,
];

/** The first line of a build's log that says why it failed, or its last line when none does. */
export function firstError(log: string): string {
  const lines = log.split('\n').filter((line) => line.trim() !== '');
  for (const pattern of [ERRORS.slice(0, 4), ERRORS]) {
    const found = lines.find((line) => pattern.some((error) => error.test(line)));
    if (found !== undefined) return found.trim().slice(0, 500);
  }
  return (lines.at(-1) ?? 'the build printed nothing').trim().slice(0, 500);
}

/**
 * The first error such that commits that fail alike have equal ones: its file and words, without the places within
 * the file and the names of temporary files.
 */
export function failureSignature(log: string): string {
  return firstError(log)
    .replace(/^\.?\//, '')
    .replace(/[‘’`]/g, "'")
    .replace(/:\d+(?::\d+)?(?=:)/g, '')
    .replace(/\+0x[0-9a-f]+/g, '')
    .replace(/\/tmp\/\S+/g, '<temporary>')
    .replace(/^make\[\d+\]/, 'make')
    .replace(/\s+/g, ' ');
}

/** Why a failed build says nothing of the commit but of this machine, if so. */
export function machineTrouble(
  log: string,
): { of: 'disk' | 'memory' | 'processes'; line: string } | undefined {
  for (const text of log.split('\n')) {
    const of = SHORT.find(([, words]) => words.test(text))?.[0];
    if (of !== undefined) return { of, line: text.trim().slice(0, 500) };
  }
  return undefined;
}

const SHORT = [
  ['disk', /No space left on device|Disk quota exceeded|Read-only file system/],
  ['memory', /virtual memory exhausted|out of memory allocating|Killed signal terminated program/],
  [
    'processes',
    /[Ff]ork: (?:retry: )?Resource temporarily unavailable|Cannot fork|kbisect: more than \d+ processes/,
  ],
] as const;

/** kbuild's lines for a step of the build: `  CC      kernel/fork.o`. */
const STEP = /^ {2}(?:CC|AS|LD|AR|HOSTCC|HOSTLD)(?: \[M\])? +\S/;

/** How far a build is, from what it prints; a build of a warm tree runs ahead of it. */
export class BuildProgress {
  #steps = 0;
  #partial = '';

  /** @param expected steps of the last full build, or a guess */
  constructor(private readonly expected = 900) {}

  /** Takes in output, in any pieces; gives the fraction done, below 1. */
  take(chunk: string): number {
    const lines = (this.#partial + chunk).split('\n');
    this.#partial = (lines.pop() ?? '').slice(-1000);
    this.#steps += lines.filter((line) => STEP.test(line)).length;
    return Math.min(0.99, this.#steps / this.expected);
  }
}
