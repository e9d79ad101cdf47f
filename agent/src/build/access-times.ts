import { mkdtemp, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { runText } from '@kbisect/shared/process';

/** What was read of a tree, relative to its top; '' is the top itself. */
export interface Reads {
  readonly files: readonly string[];
  /** Directories that were listed. */
  readonly directories: readonly string[];
}

/** The time that stands for never: far enough back that the next read changes it on every mount that keeps times. */
const NEVER = '@0';
const AFTER_NEVER = '@1';

/** Whether a read shows in a file's access time in this directory: not where it is mounted with noatime. */
export async function readsShow(directory: string): Promise<boolean> {
  const place = await mkdtemp(join(directory, 'reads-'));
  try {
    const path = join(place, 'file');
    await writeFile(path, 'x');
    await utimes(path, 0, 1);
    await readFile(path);
    return (await stat(path)).atimeMs > 1000;
  } finally {
    await rm(place, { recursive: true });
  }
}

/**
 * Makes files look as if they had never been read, and the directories that they are in as if never listed. When they
 * were changed, which make and git go by, stays as it is.
 * @param files relative to the tree
 */
export async function forgetReads(
  tree: string,
  files: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const directories = directoriesOf(files).map((directory) => directory || '.');
  const input = [...files, ...directories].join('\0');
  const args = ['-0', 'touch', '-a', '-c', '-h', '-d', NEVER, '--'];
  await runText({ program: 'xargs', args, cwd: tree, input, signal });
}

/** What was read since `forgetReads`; untracked files, which builds make, stand among the others. */
export async function readsSince(tree: string, signal: AbortSignal): Promise<Reads> {
  const found = await runText({
    program: 'find',
    args: ['.', '-path', './.git', '-prune', '-o', '-newerat', AFTER_NEVER, '-printf', '%y%P\\0'],
    cwd: tree,
    maxOutput: 256 * 1024 * 1024,
    signal,
  });
  const entries = found.split('\0').filter((entry) => entry !== '');
  const of = (wanted: (type: string) => boolean) =>
    entries.filter(([type = '']) => wanted(type)).map((entry) => entry.slice(1));
  return { files: of((type) => type !== 'd'), directories: of((type) => type === 'd') };
}

/** The directories that the files are in, and those above. */
function directoriesOf(files: readonly string[]): string[] {
  const found = new Set<string>(['']);
  for (const file of files) {
    for (let place = dirname(file); place !== '.' && !found.has(place); place = dirname(place))
      found.add(place);
  }
  return [...found];
}
