import { readFile, stat } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { digestOf } from '@kbisect/shared/digest';
import { KbisectError, messageOf, systemCode } from '@kbisect/shared/errors';
import { Reproducer_Kind, type NamedBlob, type Reproducer } from '@kbisect/shared/gen/kbisect/v1/job';

const MAX_BYTES = 16 * 1024 * 1024;
const MAX_FILES = 1000;
/** What a file of a reproducer may be called; it becomes a name inside an initramfs. */
const NAME = /^[A-Za-z0-9._+@-]+(\/[A-Za-z0-9._+@-]+)*$/;

/** A file's bytes beside what names them. */
export interface Upload {
  readonly named: NamedBlob;
  readonly bytes: Buffer;
}

/** Reads a file of the user's. @throws KbisectError `invalid-argument` with the option and the reason */
export async function readUserFile(option: string, path: string, maxBytes: number): Promise<Upload> {
  try {
    const about = await stat(path);
    if (!about.isFile()) throw new Error('not a file');
    if (about.size > maxBytes) throw new Error(`${about.size} bytes; the limit is ${maxBytes}`);
    const bytes = await readFile(path);
    const blob = { digest: digestOf(bytes), size: bytes.length };
    return { named: { name: basename(path), blob, executable: (about.mode & 0o111) !== 0 }, bytes };
  } catch (error) {
    const reason = systemCode(error) === 'ENOENT' ? 'no such file' : messageOf(error);
    throw new KbisectError('invalid-argument', `${option} ${path}: ${reason}`);
  }
}

/**
 * A reproducer and all that goes with it. A C file brings the files beside it that it includes by `#include "..."`,
 * and theirs; anything else is a shell script. Names are relative to the deepest folder that holds them all.
 * @throws KbisectError `invalid-argument` when a file cannot be read, is too large, or has an unusable name
 */
export async function collectReproducer(
  path: string,
): Promise<{ reproducer: Reproducer; uploads: readonly Upload[] }> {
  const entry = resolve(path);
  const isC = entry.endsWith('.c');
  const files = new Map<string, Upload>();
  const due = [entry];
  let room = MAX_BYTES;
  for (let file = due.pop(); file !== undefined; file = due.pop()) {
    if (files.has(file)) continue;
    const upload = await readUserFile('--reproducer', file, room);
    room -= upload.bytes.length;
    files.set(file, upload);
    if (files.size > MAX_FILES) {
      throw new KbisectError(
        'invalid-argument',
        `--reproducer ${path} includes more than ${MAX_FILES} files`,
      );
    }
    if (isC) due.push(...(await localIncludes(file, upload.bytes)));
  }
  if (!isC && files.get(entry)?.bytes.subarray(0, 8192).includes(0)) {
    throw new KbisectError(
      'invalid-argument',
      `--reproducer ${path} is neither C (NAME.c) nor a shell script: it has NUL bytes`,
    );
  }
  const folder = commonFolder([...files.keys()]);
  const uploads = [...files].map(([file, { named, bytes }]) => {
    return { named: { ...named, name: nameWithin(folder, file) }, bytes };
  });
  const reproducer: Reproducer = {
    kind: isC ? Reproducer_Kind.KIND_C : Reproducer_Kind.KIND_SHELL,
    entry: nameWithin(folder, entry),
    files: uploads.map(({ named }) => named),
    sources: [],
    system: [],
  };
  return { reproducer, uploads };
}

/** The files that `#include "..."` finds beside the file; the compiler knows where the others are, if anyone. */
async function localIncludes(file: string, source: Buffer): Promise<string[]> {
  const found: string[] = [];
  for (const [, name = ''] of source
    .toString('latin1')
    .matchAll(/^[ \t]*#[ \t]*include[ \t]*"([^"\n]+)"/gm)) {
    if (name.startsWith('/')) continue;
    const path = join(dirname(file), Buffer.from(name, 'latin1').toString('utf8'));
    const about = await stat(path).catch(() => undefined);
    if (about?.isFile()) found.push(path);
  }
  return found;
}

function commonFolder(files: readonly string[]): string {
  let folder = dirname(files[0] ?? '/');
  const outside = (file: string) => relative(folder, file).startsWith('../');
  while (files.some(outside)) folder = dirname(folder);
  return folder;
}

function nameWithin(folder: string, file: string): string {
  const name = relative(folder, file);
  if (NAME.test(name)) return name;
  throw new KbisectError(
    'invalid-argument',
    `--reproducer: the name ${JSON.stringify(name)} has characters other than letters, digits and ._+@-; rename it`,
  );
}
