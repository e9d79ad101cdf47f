import { posix } from 'node:path';
import { isKconfig } from './kconfig.js';

/** Which changed files are mentioned in the lines that the range adds to each changed file. */
export class Mentions {
  constructor(private readonly others: ReadonlyMap<number, ReadonlySet<number>>) {}

  /** The changed files that an added line of this one can bring into the build. */
  of(path: number): Iterable<number> {
    return this.others.get(path) ?? [];
  }
}

const HUNK = /^@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@/;
const INCLUDE = /^\s*(?:#\s*include|\/include\/|\.include|\.incbin)\s*["<]([^">]+)[">]/;
const SOURCE = /^\s*[or]?source\s+"?([^"\s]+)"?/;

/**
 * Reads what `git diff-tree --stdin -r -p -U0 --no-renames --no-prefix` prints for a range's commits, as it comes. What
 * one file brings in is read in its own language: `#include`, make's targets and directories, Kconfig's `source`, and in
 * scripts every word that is a file's name. What a config symbol brings in is not looked for: it is in the records of
 * the builds that have it set.
 */
export class MentionsParser {
  readonly #numbers: ReadonlyMap<string, number>;
  readonly #byName = new Map<string, number[]>();
  readonly #byStem = new Map<string, number[]>();
  readonly #others = new Map<number, Set<number>>();
  #file = '';
  #removed = 0;
  #added = 0;
  #rest = '';

  /** @param names every path that the range changes */
  constructor(private readonly names: readonly string[]) {
    this.#numbers = new Map(names.map((name, number) => [name, number]));
    names.forEach((name, number) => {
      const base = posix.basename(name);
      push(this.#byName, base, number);
      push(this.#byStem, stemOf(base), number);
    });
  }

  push(chunk: Buffer): void {
    const lines = (this.#rest + chunk.toString('latin1')).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.#line(line);
  }

  end(): Mentions {
    if (this.#rest !== '') this.#line(this.#rest);
    return new Mentions(this.#others);
  }

  #line(line: string): void {
    if (this.#removed > 0 && line.startsWith('-')) {
      this.#removed -= 1;
    } else if (this.#added > 0 && line.startsWith('+')) {
      this.#added -= 1;
      this.#mention(line.slice(1));
    } else if (line.startsWith('+++ ')) {
      this.#file = line.slice(4).replace(/\t$/, '');
    } else {
      const hunk = HUNK.exec(line);
      if (hunk === null) return;
      this.#removed = Number(hunk[1] ?? 1);
      this.#added = Number(hunk[2] ?? 1);
    }
  }

  #mention(text: string): void {
    const from = this.#numbers.get(this.#file);
    if (from === undefined) return;
    for (const other of this.#mentioned(text)) {
      if (other === from) continue;
      let others = this.#others.get(from);
      if (others === undefined) this.#others.set(from, (others = new Set()));
      others.add(other);
    }
  }

  #mentioned(text: string): number[] {
    const base = posix.basename(this.#file);
    if (/\.(c|h|S|inc|lds|dts|dtsi|dtso)(\.S)?$/.test(base)) {
      const included = INCLUDE.exec(text)?.[1];
      return included === undefined ? [] : (this.#byName.get(posix.basename(included)) ?? []);
    }
    if (isKconfig(base)) {
      const sourced = SOURCE.exec(text)?.[1];
      return sourced === undefined ? [] : (this.#byName.get(posix.basename(sourced)) ?? []);
    }
    if (/^(Makefile|Kbuild|Platform)|\.mk$/.test(base)) return this.#made(text);
    if (/\.(txt|rst|yaml|json|md)$/.test(base)) return [];
    return words(text).flatMap((word) =>
      /[./]/.test(word) ? (this.#byName.get(posix.basename(word)) ?? []) : [],
    );
  }

  /**
   * What a line of a makefile brings in. What it names is looked for where make would: beside the makefile and at the
   * top; behind a variable that is neither, anywhere below the makefile.
   */
  #made(text: string): number[] {
    if (text.includes('$(CONFIG_')) return [];
    const directory = posix.dirname(this.#file);
    const below = (number: number) => directory === '.' || this.names[number]!.startsWith(`${directory}/`);
    return words(
      text.replaceAll(/\$[({](srctree|objtree)[)}]\//g, '').replaceAll(/\$[({](src|obj)[)}]\//g, './'),
    ).flatMap((word) => {
      if (word.endsWith('/')) {
        const prefix = posix.join(directory, word);
        return [...this.names.keys()].filter((number) => this.names[number]!.startsWith(prefix));
      }
      const base = posix.basename(word);
      const found = (base.endsWith('.o') ? this.#byStem.get(stemOf(base)) : this.#byName.get(base)) ?? [];
      if (word.startsWith('/')) return found.filter(below);
      const places = [posix.dirname(word), posix.dirname(posix.join(directory, word))];
      return found.filter((number) => places.includes(posix.dirname(this.names[number]!)));
    });
  }
}

function words(text: string): string[] {
  return text.match(/[\w./+-]+/g) ?? [];
}

function stemOf(base: string): string {
  return base.replace(/\..*$/, '');
}

function push(map: Map<string, number[]>, key: string, number: number): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [number]);
  else list.push(number);
}
