import type { BuildRecord } from '@kbisect/shared/build-record';

/** A file that differs, with git's letter for how: A, D, M, T. */
export interface Changed {
  readonly status: string;
  readonly path: string;
}

/** Objects that make compiles anew because of the changes. */
export function objectsToCompile(record: BuildRecord, changes: readonly Changed[]): number {
  const changed = new Set(changes.map(({ path }) => path));
  const touched = record.files.map((path) => changed.has(path));
  return record.objects.filter(({ needs }) => needs.some((need) => touched[need])).length;
}

/**
 * Changes that can change what is built though make would not notice: of scripts and tables that no rule names as what
 * a file is made from, and headers that come where others are found now.
 */
export function filesOutOfMakesSight(record: BuildRecord, changes: readonly Changed[]): string[] {
  const tools = new Set(record.tools.map((tool) => record.files[tool]));
  const absent = new Set(record.absent);
  const names = new Set(record.includeNames);
  const wouldBeFound = (path: string) =>
    absent.has(path) ||
    record.includePlaces.some((place) =>
      place === ''
        ? names.has(path)
        : path.startsWith(`${place}/`) && names.has(path.slice(place.length + 1)),
    );
  return changes
    .filter(({ status, path }) => tools.has(path) || (status === 'A' && wouldBeFound(path)))
    .map(({ path }) => path);
}
