import { posix } from 'node:path';

/** What kbuild remembers of how it made a file (`.<name>.cmd` beside it). */
export interface CommandFile {
  /** Relative to the tree's top, as are all paths here; files outside of it are left out. */
  readonly target: string;
  /** What it was compiled from, with every header; empty of a file that no compiler made. */
  readonly needs: readonly string[];
  /** Where its compiler looked for headers. */
  readonly includePlaces: readonly string[];
  /** Words of the command that could be paths. */
  readonly words: readonly string[];
}

/**
 * Reads a `.cmd` file, as scripts/Kbuild.include and fixdep write them: `cmd_<target> := <command>` (since 6.3
 * `savedcmd_`), `source_<target> := <file>` and `deps_<target> := \` with a file a line.
 * @param path of the `.cmd` file, relative to the tree
 */
export function parseCommandFile(path: string, text: string): CommandFile {
  const name = posix.basename(path).replace(/^\.(.*)\.cmd$/, '$1');
  const command = /^(?:saved)?cmd_\S+ := (.*)$/m.exec(text)?.[1] ?? '';
  const source = /^source_\S+ := (\S+)$/m.exec(text)?.[1];
  const deps = /^deps_\S+ := \\\n((?:.*\\\n)*.*)$/m.exec(text)?.[1] ?? '';
  const listed = deps.split(/[\s\\]+/).filter((word) => word !== '' && !/^\$\(|\)$/.test(word));
  const needs = [...(source === undefined ? [] : [source]), ...listed].flatMap(inTree);
  const words = command.split(/[\s;"'()]+/).filter((word) => word !== '');
  return {
    target: posix.join(posix.dirname(path), name),
    needs: [...new Set(needs)],
    includePlaces: [...new Set(includePlaces(words).flatMap(inTree))],
    words: [...new Set(words.filter((word) => !word.startsWith('-')).flatMap(inTree))],
  };
}

function includePlaces(words: readonly string[]): string[] {
  return words.flatMap((word, at) => {
    const [, option, place] = /^-(I|iquote|isystem|idirafter)(.*)$/.exec(word) ?? [];
    if (option === undefined) return [];
    return place === '' ? (words[at + 1] ?? []) : (place ?? []);
  });
}

/** A path relative to the top, without detours; nothing when it leads out of the tree. */
function inTree(path: string): string[] {
  const plain = posix.normalize(path).replace(/\/$/, '');
  return plain.startsWith('/') || plain.startsWith('..') ? [] : [plain === '.' ? '' : plain];
}
