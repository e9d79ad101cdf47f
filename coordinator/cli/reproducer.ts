import { readdir, stat } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { isElf } from '@kbisect/shared/elf';
import { KbisectError } from '@kbisect/shared/errors';
import { Reproducer_Kind, type Reproducer } from '@kbisect/shared/gen/kbisect/v1/job';
import { localIncludes } from './includes.js';
import { interpreterFile } from './interpreter-file.js';
import { systemFilesOf } from './libraries.js';
import { kindOf } from './reproducer-kind.js';
import { readUserFile, type ReadFile, type Upload } from './user-file.js';

const MAX_BYTES = 64 * 1024 * 1024;
const MAX_FILES = 1000;
/** What a file of a reproducer may be called; it becomes a name inside an initramfs. */
const NAME = /^[A-Za-z0-9._+@-]+(\/[A-Za-z0-9._+@-]+)*$/;
/** What starts a directory's test. */
const ENTRIES = ['run', 'run.sh', 'run.c'];

/** What of the guest a reproducer meets. */
export interface GuestRoot {
  readonly arch: string;
  /** Whether the test's root file system is the user's own, with its own shell and libraries. */
  readonly ownRoot: boolean;
}

/**
 * A reproducer and all that goes with it: the first path is what runs (of a directory its `run`, `run.sh` or `run.c`), the
 * others go along. C files bring what they include by `#include "..."` and what those include, dynamic programs their
 * loader and libraries, scripts their shell unless busybox is it.
 * @throws KbisectError `invalid-argument` when a file cannot be read, is too large, or has an unusable name
 */
export async function collectReproducer(
  paths: readonly string[],
  { arch, ownRoot }: GuestRoot,
): Promise<{ reproducer: Reproducer; uploads: readonly Upload[] }> {
  const files = new Files();
  const [first = '', ...others] = paths.map((path) => resolve(path));
  const entry = await entryOf(first);
  const { bytes } = await files.add(entry);
  const kind = kindOf(entry, bytes);
  await files.addIncludesOf(entry);
  // What has its place relative to the entry is named from the folder that holds it and what it includes.
  const folder = commonFolder(first === entry ? files.paths : [...files.paths, join(first, 'run')]);
  const sources: string[] = [];
  for (const path of first === entry ? others : [first, ...others]) {
    const base = path === folder || isWithin(folder, path) ? folder : dirname(path);
    for (const file of await filesBelow(path)) {
      if (file === entry) continue;
      await files.add(file, relative(base, file));
      await files.addIncludesOf(file);
      if (file === path && path.endsWith('.c')) sources.push(files.nameOf(file, folder));
    }
  }
  const system = new Files('at its own path, ');
  if (!ownRoot) {
    const shell = kind === Reproducer_Kind.KIND_SHELL ? await interpreterFile(entry, bytes) : undefined;
    if (shell !== undefined) await system.add(shell);
    const programs = [...files.elfs(), ...(shell === undefined ? [] : [shell])];
    for (const program of programs)
      for (const file of await systemFilesOf(program, arch)) await system.add(file);
  }
  const uploads = files.uploads((file) => files.nameOf(file, folder));
  const systemUploads = system.uploads((file) => file);
  return {
    reproducer: {
      kind,
      entry: files.nameOf(entry, folder),
      files: uploads.map(({ named }) => named),
      sources,
      system: systemUploads.map(({ named }) => named),
    },
    uploads: [...uploads, ...systemUploads],
  };
}

/** Files of the user's by path, within the limits, and the names that they get. */
class Files {
  readonly #read = new Map<string, ReadFile>();
  readonly #names = new Map<string, string>();
  #room = MAX_BYTES;

  constructor(private readonly what = '') {}

  get paths(): string[] {
    return [...this.#read.keys()];
  }

  async add(path: string, name?: string): Promise<ReadFile> {
    const known = this.#read.get(path);
    if (known) return known;
    const read = await readUserFile(`--reproducer: ${this.what}`.replace(/: $/, ''), path, this.#room);
    this.#room -= read.bytes.length;
    this.#read.set(path, read);
    if (name !== undefined) this.#names.set(path, name);
    if (this.#read.size > MAX_FILES) {
      throw new KbisectError('invalid-argument', `--reproducer takes more than ${MAX_FILES} files`);
    }
    return read;
  }

  /** Adds what a C file includes, and what that includes. */
  async addIncludesOf(path: string): Promise<void> {
    if (!/\.[ch]$/.test(path)) return;
    const due = [path];
    const seen = new Set(due);
    for (let file = due.pop(); file !== undefined; file = due.pop()) {
      for (const included of await localIncludes(file, (await this.add(file)).bytes)) {
        if (!seen.has(included)) due.push(included);
        seen.add(included);
      }
    }
  }

  elfs(): string[] {
    return [...this.#read].filter(([, { bytes }]) => isElf(bytes)).map(([path]) => path);
  }

  nameOf(path: string, folder: string): string {
    const name = this.#names.get(path) ?? relative(folder, path);
    if (NAME.test(name)) return name;
    throw new KbisectError(
      'invalid-argument',
      `--reproducer: the name ${JSON.stringify(name)} has characters other than letters, digits and ._+@-; rename it`,
    );
  }

  uploads(nameOf: (path: string) => string): ReadFile[] {
    const names = new Set<string>();
    return [...this.#read].map(([path, { named, bytes }]) => {
      const name = nameOf(path);
      if (names.has(name)) {
        throw new KbisectError(
          'invalid-argument',
          `--reproducer: two files would be /test/${name} in the guest`,
        );
      }
      names.add(name);
      return { named: { ...named, name }, bytes };
    });
  }
}

async function entryOf(path: string): Promise<string> {
  if (!(await isDirectory(path))) return path;
  const there = await readdir(path);
  const [entry, ...more] = ENTRIES.filter((name) => there.includes(name));
  if (entry !== undefined && more.length === 0) return join(path, entry);
  throw new KbisectError(
    'invalid-argument',
    `--reproducer ${path}: a directory needs one of ${ENTRIES.join(', ')} in it, which is what is run`,
  );
}

async function filesBelow(path: string): Promise<string[]> {
  if (!(await isDirectory(path))) return [path];
  const found = await readdir(path, { recursive: true, withFileTypes: true });
  return found
    .filter((one) => one.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
    .sort();
}

async function isDirectory(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() === true;
}

function isWithin(folder: string, path: string): boolean {
  return !relative(folder, path).startsWith('..');
}

function commonFolder(files: readonly string[]): string {
  let folder = dirname(files[0] ?? '/');
  while (files.some((file) => !isWithin(folder, file))) folder = dirname(folder);
  return folder;
}
