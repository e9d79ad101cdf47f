import { dirname } from 'node:path';
import type { BuildRecord } from '@kbisect/shared/build-record';
import type { Changes } from './changes.js';
import type { Mentions } from './mentions.js';

/** What a changed file can change: nothing, the image, the configuration that decides what the image is made of. */
export const IMAGE = 1;
export const CONFIGURATION = 2;

/**
 * For each path that the range changes, what a change of it can change, by all that is known of the job's builds.
 *
 * A build's inputs are the files that it read, the listings that a wildcard saw, and the paths at which it looked and
 * found nothing. The builds in between may read other files, but only those that a changed input can have brought in:
 * a file that an added line of an input mentions counts as an input too, and so on.
 * @param suspects paths that a build has shown to matter, whatever was recorded
 */
export function relevanceOf(
  changes: Changes,
  records: readonly BuildRecord[],
  mentions: Mentions,
  suspects: ReadonlySet<string>,
): Uint8Array {
  const read = new Set(
    records.flatMap(({ sources, makefiles, scripts }) => [...sources, ...makefiles, ...scripts]),
  );
  const configuring = new Set(
    records.flatMap(({ kconfig, makefiles, scripts }) => [...kconfig, ...makefiles, ...scripts]),
  );
  const absent = new Set(records.flatMap((record) => record.absent));
  const listed = new Set(records.flatMap(({ directories }) => directories));
  const comesAndGoes = changes.comingAndGoing();

  const relevance = new Uint8Array(changes.names.length);
  const reached: number[] = [];
  const mark = (path: number, bits: number) => {
    if ((relevance[path]! & bits) === bits) return;
    relevance[path]! |= bits;
    reached.push(path);
  };
  changes.names.forEach((name, path) => {
    if (read.has(name) || suspects.has(name)) mark(path, IMAGE);
    if (configuring.has(name)) mark(path, CONFIGURATION);
    // What is new where a build looked may be read from then on, whatever kind of file it is.
    if (comesAndGoes[path] === 1 && (absent.has(name) || listed.has(dirname(name)))) {
      mark(path, IMAGE | CONFIGURATION);
    }
  });
  for (let path = reached.pop(); path !== undefined; path = reached.pop()) {
    for (const other of mentions.of(path)) mark(other, relevance[path]!);
  }
  return relevance;
}
