import { z } from 'zod';
import { KbisectError, messageOf } from './errors.js';

const path = z.string().min(1).max(4096);
const paths = z.array(path).max(500_000);

const buildRecord = z.object({
  /** Files that objects were made of; `objects` names them by their places here. */
  sources: paths,
  objects: z
    .array(z.object({ name: path, sources: z.array(z.number().int().min(0)).max(100_000) }))
    .max(100_000),
  makefiles: paths,
  kconfig: paths,
  /** Scripts and tools' sources that were run or read. */
  scripts: paths,
  /** Directories whose listing was read: a file that comes or goes in one may change the build. */
  directories: paths,
  /** Paths that were looked for and were not there. */
  absent: paths,
  /** SHA-256 of the `.config`. */
  config: z.string().regex(/^[0-9a-f]{64}$/),
  toolchain: z.string().max(1000),
  /** What the build took, and how many objects it compiled. */
  seconds: z.number().min(0),
  compiled: z.number().int().min(0),
});

/**
 * What a build consumed of the tree it was made from, by paths relative to the tree's top, and what it took. Files that the build
 * itself makes are no part of it.
 */
export type BuildRecord = z.infer<typeof buildRecord>;

/** @throws KbisectError `data-loss` when the text is no build record */
export function parseBuildRecord(text: string): BuildRecord {
  try {
    return buildRecord.parse(JSON.parse(text));
  } catch (error) {
    throw new KbisectError('data-loss', `not a build record: ${messageOf(error).slice(0, 500)}`);
  }
}
