import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import { z } from 'zod';
import { KbisectError, messageOf } from './errors.js';

/** Bounds what a record may unpack to; a kernel with all drivers stays far below. */
const MAX_BYTES = 256 * 1024 * 1024;

const index = z.number().int().nonnegative();
const path = z.string().min(1);

const schema = z.object({
  version: z.literal(2),
  /**
   * Every file of the commit's tree that the build read, relative to the repository, sorted by code unit: sources,
   * headers, Kconfig, makefiles, scripts, DTS. It errs on the side of too many: a file that is not here was not read.
   */
  files: z.array(path),
  /** Of `files`, by index, ascending: what make itself read. A change may change any command. */
  makefiles: z.array(index),
  /** Of `files`: what Kconfig read. Whether a change matters, `olddefconfig` and a comparison of `.config` decide. */
  kconfig: z.array(index),
  /** Of `files`: all others that no object lists, such as scripts and tables. A change may change anything. */
  tools: z.array(index),
  /** Of `files`: those that a command other than a compiler's names. It may read remarks. Not told by older agents. */
  texts: z.array(index).optional(),
  /** Config symbols, without `CONFIG_`, that sources among these define by hand. Not told by older agents. */
  defined: z.array(z.string()).optional(),
  /**
   * What was compiled, assembled or preprocessed, for costs: `needs` are the files, by index, ascending, whose change
   * compiles it again. Headers that are generated stand as what they are generated from, where that changes with it.
   */
  objects: z.array(z.object({ path, needs: z.array(index) })),
  /** Directories ('' is the top) whose listing was read: a file that comes or goes there counts as consumed. */
  directories: z.array(z.string()),
  /** Where `#include` looks: a new file `<place>/<name>` counts as consumed ('' is the top). */
  includePlaces: z.array(z.string()),
  includeNames: z.array(path),
  /** Paths that were looked for beside these and are not there: a new file of that path counts as consumed. */
  absent: z.array(path),
  /** Config symbols, without `CONFIG_`, that are on in that `.config` or were asked for. */
  symbols: z.array(z.string()),
  /** SHA-256 of the `.config` that was built. */
  config: z.string().regex(/^[0-9a-f]{64}$/),
  /** What this build took: wall-clock seconds of make, and objects that it compiled (of a warm tree not all). */
  seconds: z.number().nonnegative(),
  compiled: index,
});

/** What a build consumed, and what it cost. */
export type BuildRecord = z.infer<typeof schema>;

/** The files that more than a compiler may have read, and with them remarks; undefined where the record does not tell. */
export function readAsText({ files, texts, tools }: BuildRecord): Set<string> | undefined {
  return texts && new Set([...texts, ...tools].map((index) => files[index]!));
}

/** A record as the bytes of a blob: gzipped JSON, the needs of an object as differences, which pack well. */
export async function encodeBuildRecord(record: BuildRecord): Promise<Buffer> {
  const objects = record.objects.map(({ path, needs }) => ({
    path,
    needs: needs.map((need, at) => need - (at === 0 ? 0 : needs[at - 1]!)),
  }));
  return promisify(gzip)(JSON.stringify({ ...record, objects }));
}

/** @throws KbisectError `data-loss` when the bytes are no record that this version understands */
export async function decodeBuildRecord(bytes: Uint8Array): Promise<BuildRecord> {
  try {
    const text = await promisify(gunzip)(bytes, { maxOutputLength: MAX_BYTES });
    const record = schema.parse(JSON.parse(text.toString('utf8')));
    for (const { needs } of record.objects) {
      for (let at = 1; at < needs.length; at++) needs[at]! += needs[at - 1]!;
    }
    const lists = [
      record.makefiles,
      record.kconfig,
      record.tools,
      record.texts ?? [],
      ...record.objects.map(({ needs }) => needs),
    ];
    if (lists.some((list) => (list.at(-1) ?? 0) >= record.files.length && list.length > 0)) {
      throw new Error('an index beyond its files');
    }
    return record;
  } catch (error) {
    throw new KbisectError('data-loss', `a build record cannot be read: ${messageOf(error)}`);
  }
}
