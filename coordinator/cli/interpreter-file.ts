import { stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { KbisectError } from '@kbisect/shared/errors';

/** Shells that need nothing but themselves and their libraries. */
const SHELLS = ['bash', 'dash', 'ksh', 'mksh', 'zsh'];

/**
 * The shell on this machine that a script's first line names; undefined when busybox runs it (`sh`, or no such line).
 * @throws KbisectError `invalid-argument` for an interpreter that lives of more files than its ELF headers name
 */
export async function interpreterFile(path: string, script: Buffer): Promise<string | undefined> {
  const [, line = ''] = /^#!\s*(.*)/.exec(script.subarray(0, 256).toString('latin1')) ?? [];
  const words = line.trim().split(/\s+/);
  const program = (basename(words[0] ?? '') === 'env' ? words[1] : words[0]) ?? '';
  const name = basename(program);
  if (name === '' || name === 'sh' || name === 'busybox') return undefined;
  const wrong = (why: string) =>
    new KbisectError(
      'invalid-argument',
      `--reproducer ${path} is a script for ${program}, ${why}; bring a root file system that has it: --initramfs or --disk`,
    );
  if (!SHELLS.includes(name)) throw wrong('which needs more files than itself and its libraries');
  const places = program.includes('/')
    ? [program]
    : ['/bin', '/usr/bin'].map((folder) => join(folder, program));
  for (const place of places) if (await stat(place).catch(() => undefined)) return place;
  throw wrong('which is not on this machine');
}
