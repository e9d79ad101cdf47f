/** Of a kernel's complaint so many lines are shown. */
const MOST_LINES = 60;

/** Where a kernel's complaint begins, behind the time and the CPU that printk puts before it. */
const BEGINS =
  /(BUG: |WARNING: |Oops: |general protection fault|kernel BUG at|Kernel panic - not syncing|Unable to handle kernel|INFO: (task|rcu)|UBSAN: |divide error|invalid opcode|stack segment|double fault)/;
const ENDS = /---\[ end (trace|Kernel panic)/;

/** The lines of a console in which the kernel complains, from the first of them; without control characters. */
export function crashLines(console: string): string[] {
  const lines = console.split(/\r?\n/).map(plain);
  const first = lines.findIndex((line) => BEGINS.test(line));
  if (first < 0) return [];
  const end = lines.findIndex((line, place) => place > first && ENDS.test(line));
  const last = Math.min(first + MOST_LINES, end < 0 ? lines.length : end + 1);
  return lines.slice(first, last).filter((line) => line !== '');
}

/** The compiler by the kernel's own banner; empty when the console has none. */
export function compilerIn(console: string): string {
  const banner = /Linux version \S+ \([^()]*\) \((.*)\) #/.exec(console) ?? [];
  return plain(banner[1] ?? '');
}

function plain(line: string): string {
  return line.replace(/[^\x20-\x7e]/g, '').trimEnd();
}
