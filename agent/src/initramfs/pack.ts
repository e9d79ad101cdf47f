import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { createWriteStream } from 'node:fs';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { digestOf, type Digest } from '@kbisect/shared/digest';
import type { Arch } from '../boot/arch.js';
import { applets, readBusybox } from './busybox.js';
import { compileHarness, compileReproducer, HARNESS } from './compile.js';
import { writeCpio, type CpioEntry } from './cpio.js';
import { interpreterOf } from './interpreter.js';
import { RDINIT, settings } from './trial.js';
import { plainCpio } from './unpacked.js';

/** How a reproducer runs: compiled (to a verdict, or until the time is over), by a shell, as it is, or as an init. */
export type ReproducerKind = 'c' | 'syzkaller' | 'shell' | 'program' | 'init';

/** What an initramfs is packed from; equal ones give initramfs of equal behaviour. */
export interface Packing {
  readonly kind: ReproducerKind;
  /** Name of the main file, one of the files; empty for an init. */
  readonly entry: string;
  readonly sources: readonly string[];
  /** Below /test. */
  readonly files: readonly { readonly name: string; readonly digest: string }[];
  /** At their own, absolute paths. */
  readonly system: readonly { readonly name: string; readonly digest: string }[];
  /** Digest of the user's own initramfs. */
  readonly initramfs: string | undefined;
  /** Whether the test's root file system is a disk. */
  readonly onDisk: boolean;
}

/** Where on this machine the files of a packing lie. */
export interface PackingFiles {
  /** Holds `files` by their names. */
  readonly directory: string;
  /** Holds `system` by their names. */
  readonly system: string;
  readonly initramfs: string | undefined;
}

/** Names the packing: whoever has packed the same has made the same. */
export async function packAction(arch: Arch, packing: Packing): Promise<Digest> {
  const harness = (await readdir(HARNESS)).sort();
  const digests = await Promise.all(
    harness.map(async (name) => digestOf(await readFile(join(HARNESS, name)))),
  );
  const sorted = (files: Packing['files']) => files.map(({ name, digest }) => [name, digest]).sort();
  const { files, system, ...rest } = packing;
  return digestOf(JSON.stringify(['pack', 2, arch.name, digests, rest, sorted(files), sorted(system)]));
}

/**
 * Makes the initramfs that runs a reproducer as PID 1's test; a boot adds its settings (`writeTrialInitramfs`).
 * @param path the file that is written
 * @throws KbisectError `invalid-argument` with the compiler's own words when the reproducer does not compile, or when the
 *   user's initramfs is none; `missing-tool`
 */
export async function packInitramfs(
  arch: Arch,
  packing: Packing,
  places: PackingFiles,
  workdir: string,
  path: string,
  signal: AbortSignal,
): Promise<void> {
  const { kind, entry, sources } = packing;
  const ownRoot = packing.initramfs !== undefined || packing.onDisk;
  const entries = new Entries();
  for (const directory of ['dev', 'proc', 'sys', 'tmp', 'test', '.kbisect']) entries.directory(directory);
  entries.add({ kind: 'device', path: 'dev/console', major: 5, minor: 1 });
  entries.add({ kind: 'device', path: 'dev/null', major: 1, minor: 3 });
  entries.file(RDINIT.slice(1), await compileHarness(arch, workdir, signal));
  if (kind !== 'c' && kind !== 'syzkaller') await entries.tree(places.directory, 'test');
  await entries.tree(places.system, '');

  let command: string[];
  switch (kind) {
    case 'c':
    case 'syzkaller': {
      const reproducer = { entry, sources, directory: places.directory };
      entries.file('test/.reproducer', await compileReproducer(arch, reproducer, workdir, signal));
      // What is no C goes along: data that the test reads.
      await entries.tree(places.directory, 'test', (name) => !/\.[ch]$/.test(name));
      command = ['/test/.reproducer'];
      break;
    }
    case 'shell': {
      const interpreter = interpreterOf(await readFile(join(places.directory, entry)), ownRoot);
      if (!ownRoot) {
        entries.file('bin/busybox', await readBusybox(arch));
        for (const name of await applets()) {
          entries.add({ kind: 'link', path: `bin/${name}`, target: 'busybox' });
        }
      }
      command = [...interpreter, `/test/${entry}`];
      break;
    }
    case 'program':
      command = [`/test/${entry}`];
      break;
    case 'init':
      command = ['/init'];
  }
  entries.file('.kbisect/test', testSettings(packing, command));

  await rm(path, { force: true });
  const parts = async function* () {
    if (places.initramfs !== undefined) yield* plainCpio(places.initramfs, signal);
    yield writeCpio(entries.sorted());
  };
  await pipeline(parts, createWriteStream(path), { signal });
}

function testSettings({ kind, system }: Packing, command: readonly string[]): Buffer {
  const libraries = new Set(
    system
      .map(({ name }) => name)
      .filter((name) => /\.so(\.|$)/.test(name))
      .map((name) => dirname(name)),
  );
  const environment = ['PATH=/test:/bin:/sbin:/usr/bin:/usr/sbin', 'HOME=/', 'TERM=dumb'];
  if (libraries.size > 0) environment.push(`LD_LIBRARY_PATH=${[...libraries].sort().join(':')}`);
  return settings([
    ...(kind === 'syzkaller' ? [['endless', ''] as const] : []),
    ...(kind === 'init' ? [['init', ''] as const] : []),
    ...command.map((word) => ['argument', word] as const),
    ...environment.map((word) => ['environment', word] as const),
  ]);
}

/** The entries of an archive by path, each with the directories that it is in. What comes first stays. */
class Entries {
  readonly #entries = new Map<string, CpioEntry>();

  add(entry: CpioEntry): void {
    const above = dirname(entry.path);
    if (above !== '.') this.directory(above);
    if (!this.#entries.has(entry.path)) this.#entries.set(entry.path, entry);
  }

  directory(path: string): void {
    this.add({ kind: 'directory', path });
  }

  file(path: string, bytes: Uint8Array): void {
    this.add({ kind: 'file', path, executable: true, bytes });
  }

  /** Adds what is below a directory, if it is there. */
  async tree(directory: string, path: string, wanted: (name: string) => boolean = () => true): Promise<void> {
    if (!(await stat(directory).catch(() => undefined))) return;
    for (const found of await readdir(directory, { recursive: true, withFileTypes: true })) {
      const full = join(found.parentPath, found.name);
      const name = full.slice(directory.length + 1);
      if (found.isFile() && wanted(name)) this.file(join(path, name), await readFile(full));
    }
  }

  /** Directories come before what is in them, as a path sorts after its beginning. */
  sorted(): CpioEntry[] {
    return [...this.#entries.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
  }
}
