import { readdir, readFile, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { readElf } from '@kbisect/shared/elf';
import { KbisectError } from '@kbisect/shared/errors';

const MAX_LIBRARIES = 500;

/**
 * What a dynamic program needs of this machine to run: its loader and, as the loader would find them, its libraries
 * and theirs. Libraries that a program opens by itself (`dlopen`: name services, character sets) are not in its headers.
 * @param path the program; `$ORIGIN` is its directory
 * @returns absolute paths, each once; empty for a static program
 * @throws KbisectError `invalid-argument` naming a library that is not here
 */
export async function systemFilesOf(path: string, arch: string): Promise<string[]> {
  const found = new Map<string, string>();
  const standard = await standardDirectories();
  const due = [resolve(path)];
  for (let file = due.pop(); file !== undefined; file = due.pop()) {
    const elf = readElf(await readFile(file));
    if (elf.arch !== arch) {
      throw new KbisectError(
        'invalid-argument',
        `${file} is a program for ${elf.arch ?? 'another architecture'}, not for ${arch} (--arch)`,
      );
    }
    if (elf.interpreter !== undefined) found.set(elf.interpreter, elf.interpreter);
    const origin = dirname(file);
    const own = elf.runPath.map((directory) => directory.replace(/\$ORIGIN|\$\{ORIGIN\}/g, origin));
    for (const name of elf.needed) {
      if (found.has(name) || [...found.values()].some((one) => one.endsWith(`/${name}`))) continue;
      const library = await firstThere([...own, ...standard].map((directory) => resolve(directory, name)));
      if (library === undefined) {
        throw new KbisectError('invalid-argument', `${file} needs ${name}, which is nowhere on this machine`);
      }
      found.set(name, library);
      if (found.size > MAX_LIBRARIES) {
        throw new KbisectError('invalid-argument', `${path} needs more than ${MAX_LIBRARIES} libraries`);
      }
      due.push(library);
    }
  }
  return [...new Set(found.values())];
}

/** Where a loader looks: the directories of /etc/ld.so.conf, then its own. */
async function standardDirectories(): Promise<string[]> {
  const files = ['/etc/ld.so.conf'];
  const more = await readdir('/etc/ld.so.conf.d').catch(() => []);
  files.push(
    ...more
      .filter((name) => name.endsWith('.conf'))
      .sort()
      .map((name) => join('/etc/ld.so.conf.d', name)),
  );
  const directories: string[] = [];
  for (const file of files) {
    const lines = (await readFile(file, 'utf8').catch(() => '')).split('\n');
    directories.push(...lines.map((line) => line.trim()).filter((line) => line.startsWith('/')));
  }
  return [...directories, '/lib64', '/usr/lib64', '/lib', '/usr/lib'];
}

async function firstThere(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) if ((await stat(path).catch(() => undefined))?.isFile()) return path;
  return undefined;
}
