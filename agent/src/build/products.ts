import { lstat, lutimes } from 'node:fs/promises';
import { join } from 'node:path';
import { KbisectError } from '@kbisect/shared/errors';
import { Git } from '@kbisect/shared/git';
import { commandFailed, run } from '@kbisect/shared/process';
import { contained, type Sandbox } from './sandbox.js';

/** Bytes that products may have; those of a kernel with all its drivers and debug information are not worth their way. */
const MAX_BYTES = 1024 ** 3;
/** Between the times of two products that are not equally old; far above what a file system and a double tell apart. */
const STEP_MS = 0.002;

/** Unpacks a file whose maker is not known: what tar adds to files is less than they are. */
const UNPACK = `zstd --decompress --memory=128MB --quiet --stdout -- "$1" | head --bytes=${2 * MAX_BYTES} |
tar --extract --file=- --skip-old-files --no-same-owner`;

/**
 * Packs what builds have made in a tree, all that is not of its commit, into one file.
 * @returns false when that is too much, or cannot be done here
 */
export async function packProducts(tree: string, path: string, signal: AbortSignal): Promise<boolean> {
  const names = await untracked(tree, signal);
  const sizes = await Promise.all(names.map(async (name) => (await lstat(join(tree, name))).size));
  if (sizes.reduce((total, size) => total + size, 0) > MAX_BYTES) return false;
  const list = ['--null', '--verbatim-files-from', '--no-recursion', '--files-from=-'];
  const done = await run({
    program: 'tar',
    // The plain format knows whole seconds only; make goes by less.
    args: ['--create', '--zstd', '--format=posix', '--sparse', `--file=${path}`, ...list],
    cwd: tree,
    input: names.map((name) => `${name}\0`).join(''),
    signal,
  });
  return done.status === 0;
}

/**
 * Brings packed products into a tree where nothing was built. To make, all are newer than the files of the commit, and
 * older and newer than each other as they were where they were made. Files of the commit are not written over.
 * @throws KbisectError `data-loss` when the file holds no products, or too many
 */
export async function unpackProducts(
  path: string,
  tree: string,
  sandbox: Sandbox,
  signal: AbortSignal,
): Promise<void> {
  const reach = { tree, writable: [], readable: [path] };
  const command = contained({ program: 'sh', args: ['-c', UNPACK, 'sh', path] }, sandbox, reach);
  const done = await run({ ...command, signal });
  if (done.status !== 0) {
    if (/No space left/.test(done.stderr)) throw commandFailed(command, done);
    throw new KbisectError('data-loss', `products cannot be unpacked: ${done.stderr.trim().slice(-300)}`);
  }
  await renewTimes(tree, await untracked(tree, signal));
}

/** Makes all as old as this moment, in the order of the times that they have. */
async function renewTimes(tree: string, names: readonly string[]): Promise<void> {
  const paths = names.map((name) => join(tree, name));
  const times = await Promise.all(paths.map(async (path) => (await lstat(path, { bigint: true })).mtimeNs));
  const order = [...new Set(times)].sort((one, other) => (one < other ? -1 : 1));
  const ranks = new Map(order.map((time, rank) => [time, rank]));
  const first = Date.now() - order.length * STEP_MS;
  await Promise.all(
    paths.map((path, at) => {
      const seconds = (first + ranks.get(times[at]!)! * STEP_MS) / 1000;
      return lutimes(path, seconds, seconds);
    }),
  );
}

async function untracked(tree: string, signal: AbortSignal): Promise<string[]> {
  const listed = await new Git(tree).text(['ls-files', '--others', '-z'], { signal });
  return listed.split('\0').filter((path) => path !== '');
}
