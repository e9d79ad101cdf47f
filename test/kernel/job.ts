import { join } from 'node:path';
import { run } from '@kbisect/shared/process';
import { clone } from '../../deploy/dist/demo/debian-linux.js';
import { kbisect, type Farm } from '../../deploy/dist/demo/kbisect.js';

/** The last line of `kbisect bisect --json`. */
export interface Result {
  readonly job: string;
  readonly state: string;
  readonly culprit: { readonly commit: string; readonly subject: string } | null;
  readonly reason: string;
  readonly builds: number;
  readonly trials: number;
  readonly cacheHits: number;
}

/** The patch of Debian's that the questions below are about. */
export const subject = 'fs: Enable link security restrictions by default';
export const symlinks = join(clone, 'deploy/demo/protected_symlinks.c');
export const hardlinks = join(clone, 'test/kernel/protected_hardlinks.sh');

/** Runs a bisection in sight and gives how it ended. */
export async function bisect(
  farm: Farm,
  args: readonly string[],
): Promise<{ status: number | null; result: Result }> {
  let output = '';
  const done = await run({
    ...kbisect(['--coordinator', farm.address, 'bisect', ...args, '--json']),
    onOutput: (chunk) => {
      output += chunk.toString('utf8');
      process.stdout.write(chunk);
    },
  });
  const last = output.trimEnd().split('\n').at(-1) ?? '';
  return { status: done.status, result: JSON.parse(last) as Result };
}
