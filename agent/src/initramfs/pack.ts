import { readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { digestOf, type Digest } from '@kbisect/shared/digest';
import { KbisectError, systemCode } from '@kbisect/shared/errors';
import { run, runText } from '@kbisect/shared/process';
import { writeCpio, type CpioEntry } from './cpio.js';

/** The C sources of PID 1, and the header for reproducers. */
const HARNESS = fileURLToPath(new URL('../../harness/', import.meta.url));
const BUSYBOX = '/bin/busybox';
const COMPILE_MS = 120_000;

/** A reproducer as it lies on this machine. */
export interface LocalReproducer {
  readonly kind: 'c' | 'shell';
  /** Path of its main file, relative to the directory. */
  readonly entry: string;
  /** Directory of all of its files. */
  readonly directory: string;
}

/** Names the packing of a reproducer: equal keys give initramfs of equal behaviour. */
export async function packAction(
  files: readonly { name: string; digest: string }[],
  kind: string,
  entry: string,
): Promise<Digest> {
  const harness = await readFile(join(HARNESS, 'init.c'));
  const sorted = files.map(({ name, digest }) => [name, digest]).sort();
  return digestOf(JSON.stringify(['pack', digestOf(harness), kind, entry, sorted]));
}

/**
 * Makes the initramfs that runs a reproducer as PID 1's test.
 * @param path the file that is written
 * @throws KbisectError `invalid-argument` with the compiler's own words when the reproducer does not compile,
 *   `missing-tool` when there is no static busybox for a shell script
 */
export async function packInitramfs(
  reproducer: LocalReproducer,
  workdir: string,
  path: string,
  signal: AbortSignal,
): Promise<void> {
  const init = join(workdir, 'init');
  const extra =
    reproducer.kind === 'c'
      ? await compile(reproducer, workdir, init, signal)
      : await script(reproducer, init, signal);
  const directories = ['dev', 'proc', 'sys', 'tmp'].map((name): CpioEntry => ({
    kind: 'directory',
    path: name,
  }));
  const entries: CpioEntry[] = [
    ...directories,
    { kind: 'device', path: 'dev/console', major: 5, minor: 1 },
    { kind: 'device', path: 'dev/null', major: 1, minor: 3 },
    { kind: 'file', path: 'init', executable: true, bytes: await readFile(init) },
    ...extra,
  ];
  await writeFile(path, writeCpio(entries));
}

/** The reproducer is a unit of its own, compiled in its own directory; the harness calls its do_test(). */
async function compile(
  { entry, directory }: LocalReproducer,
  workdir: string,
  init: string,
  signal: AbortSignal,
): Promise<CpioEntry[]> {
  const source = join(directory, entry);
  const object = join(workdir, 'reproducer.o');
  const done = await run({
    program: 'gcc',
    args: [
      '-c',
      '-O1',
      '-pthread',
      '-D_GNU_SOURCE',
      `-ffile-prefix-map=${directory}/=`,
      '-I',
      HARNESS,
      '-o',
      object,
      source,
    ],
    cwd: dirname(source),
    signal,
    timeoutMs: COMPILE_MS,
  });
  if (done.status !== 0) throw doesNotCompile(entry, directory, done.stderr);
  const linked = await run(harnessCommand([object, '-pthread', '-lm', '-o', init], signal));
  if (linked.status !== 0) throw doesNotCompile(entry, directory, linked.stderr);
  return [];
}

async function script(
  { entry, directory }: LocalReproducer,
  init: string,
  signal: AbortSignal,
): Promise<CpioEntry[]> {
  const entries: CpioEntry[] = [
    { kind: 'directory', path: 'bin' },
    { kind: 'file', path: 'bin/busybox', executable: true, bytes: await readBusybox() },
  ];
  const applets = (await runText({ program: BUSYBOX, args: ['--list'] }))
    .split('\n')
    .filter((name) => name !== 'busybox');
  for (const name of applets.sort()) entries.push({ kind: 'link', path: `bin/${name}`, target: 'busybox' });
  entries.push({ kind: 'directory', path: 'test' });
  for (const file of (await readdir(directory, { recursive: true, withFileTypes: true })).sort(byPath)) {
    const full = join(file.parentPath, file.name);
    const path = `test${full.slice(directory.length)}`;
    if (file.isDirectory()) entries.push({ kind: 'directory', path });
    else entries.push({ kind: 'file', path, executable: true, bytes: await readFile(full) });
  }
  await runText(harnessCommand([`-DSHELL_ENTRY="${entry}"`, '-o', init], signal));
  return entries;
}

function harnessCommand(args: readonly string[], signal: AbortSignal) {
  const flags = ['-O1', '-Wall', '-static', `-ffile-prefix-map=${HARNESS}=`, join(HARNESS, 'init.c')];
  return { program: 'gcc', args: [...flags, ...args, '-Wl,--build-id=none'], signal, timeoutMs: COMPILE_MS };
}

async function readBusybox(): Promise<Buffer> {
  try {
    return await readFile(BUSYBOX);
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
    throw new KbisectError(
      'missing-tool',
      `${BUSYBOX} is missing on this agent: apt-get install busybox-static`,
    );
  }
}

function doesNotCompile(entry: string, directory: string, words: string): KbisectError {
  const own = words.replaceAll(`${directory}/`, '').trim().slice(0, 4000);
  return new KbisectError('invalid-argument', `the reproducer ${entry} does not compile:\n${own}`);
}

function byPath(a: { parentPath: string; name: string }, b: { parentPath: string; name: string }): number {
  const one = join(a.parentPath, a.name);
  const other = join(b.parentPath, b.name);
  return one < other ? -1 : one > other ? 1 : 0;
}
