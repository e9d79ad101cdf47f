import { readBlobs } from '@kbisect/shared/blob-batch';
import { readAsText, type BuildRecord } from '@kbisect/shared/build-record';
import {
  changeOfCSource,
  definedByHand,
  HEADERS_WITHIN,
  isCSource,
  type Clause,
} from '@kbisect/shared/c-source';
import type { Git } from '@kbisect/shared/git';
import type { Changed } from './rebuilt.js';

/** Of the changes, those of C sources that a recorded build read, with a compiler alone: it may be that none sees them. */
export function maybeUnseen(record: BuildRecord, changes: readonly Changed[]): Changed[] {
  const texts = readAsText(record);
  if (texts === undefined || record.defined === undefined) return [];
  const compiled = new Set(record.files.filter((path) => !texts.has(path)));
  return changes.filter(
    ({ status, path }) => status === 'M' && isCSource(path) && compiled.has(path) && !/\n/.test(path),
  );
}

/**
 * The paths whose change between two commits no compiler sees.
 * @param record of the build of the one commit
 * @param symbols that are on, without `CONFIG_`, besides those of the record
 */
export async function unseenChanges(
  git: Git,
  record: BuildRecord,
  changes: readonly Changed[],
  [one, other]: readonly [string, string],
  symbols: readonly string[],
  signal: AbortSignal,
): Promise<Set<string>> {
  const paths = maybeUnseen(record, changes).map(({ path }) => path);
  const on = new Set([...symbols, ...record.symbols, ...(record.defined ?? [])]);
  if (on.has(HEADERS_WITHIN)) return new Set();
  const changed: { path: string; off: readonly Clause[] }[] = [];
  const names = paths.flatMap((path) => [`${one}:${path}`, `${other}:${path}`]);
  let [at, before] = [0, ''];
  const take = (text = '') => {
    const path = paths[at >> 1]!;
    if (at++ % 2 === 0) {
      before = text;
      return;
    }
    for (const symbol of definedByHand(text)) on.add(symbol);
    const off = changeOfCSource(before, text);
    if (off !== undefined) changed.push({ path, off });
  };
  await readBlobs(git, names, take, signal);
  const isOff = (clause: Clause) => clause.some((symbol) => !on.has(symbol));
  return new Set(changed.filter(({ off }) => off.every(isOff)).map(({ path }) => path));
}
