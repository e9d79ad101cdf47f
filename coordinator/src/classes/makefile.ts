import type { Clause } from '@kbisect/shared/c-source';

/** A line that adds to a list which kbuild reads only where the symbol is on: `obj-$(CONFIG_FOO) += foo.o`. */
const LISTED = /^[\w-]+-\$\(CONFIG_(\w+)\)\s*[+:]?=[^$]*$/;

/**
 * When a change of a makefile decides nothing, if that can be said: where the symbols of all lines that differ are off.
 * Undefined where other lines differ.
 */
export function changeOfMakefile(before: string, after: string): Clause[] | undefined {
  const [olds, news] = [logicalLines(before), logicalLines(after)];
  const counts = new Map<string, number>();
  for (const line of news) counts.set(line, (counts.get(line) ?? 0) + 1);
  for (const line of olds) counts.set(line, (counts.get(line) ?? 0) - 1);
  const symbols = new Set<string>();
  for (const [line, count] of counts) {
    if (count === 0) continue;
    const symbol = LISTED.exec(line)?.[1];
    if (symbol === undefined) return undefined;
    symbols.add(symbol);
  }
  const rest = (lines: readonly string[]) =>
    lines.filter((line) => !symbols.has(LISTED.exec(line)?.[1] ?? '')).join('\n');
  return rest(olds) === rest(news) ? [...symbols].map((symbol) => [symbol]) : undefined;
}

/** A makefile's lines, those joined that a backslash continues. */
function logicalLines(text: string): string[] {
  return text.replaceAll('\\\n', ' ').split('\n');
}

export function isMakefile(path: string): boolean {
  return /^(Makefile|Kbuild)/.test(path.slice(path.lastIndexOf('/') + 1));
}
