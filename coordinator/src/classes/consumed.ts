import { readAsText, type BuildRecord } from '@kbisect/shared/build-record';
import type { Changes } from './changes.js';
import type { Mentions } from './mentions.js';

/** What a changed file can change: the image, the configuration that decides what the image is made of. */
export const IMAGE = 1;
export const CONFIGURATION = 2;

/** All that the recorded builds of one recipe have consumed. */
export class Consumed {
  /** Objects by name, numbered. */
  readonly objects = new Map<string, number>();
  /** For each path, the objects that were made of it. */
  readonly objectsOf = new Map<string, Set<number>>();
  /** Config symbols that are on in a build, or were asked for. */
  readonly symbols = new Set<string>();
  /** Objects of the largest build. */
  total = 0;
  /** Config symbols that C sources define by hand, and C sources that are read as text; undefined where a record does not tell. */
  sources: { readonly defined: Set<string>; readonly texts: Set<string> } | undefined = {
    defined: new Set(),
    texts: new Set(),
  };
  readonly #read = new Set<string>();
  readonly #configuring = new Set<string>();
  readonly #absent = new Set<string>();
  readonly #listed = new Set<string>();
  readonly #includePlaces = new Set<string>();
  readonly #includeNames = new Set<string>();

  /** Whether no build was recorded. */
  get isEmpty(): boolean {
    return this.#read.size === 0;
  }

  add(record: BuildRecord): void {
    const { files, objects } = record;
    const [kconfig, makefiles, tools] = [record.kconfig, record.makefiles, record.tools].map(
      (list) => new Set(list),
    );
    files.forEach((path, index) => {
      if (!kconfig!.has(index)) this.#read.add(path);
      if (kconfig!.has(index) || makefiles!.has(index) || tools!.has(index)) this.#configuring.add(path);
    });
    const texts = readAsText(record);
    if (record.defined === undefined || texts === undefined) this.sources = undefined;
    for (const symbol of record.defined ?? []) this.sources?.defined.add(symbol);
    for (const path of texts ?? []) this.sources?.texts.add(path);
    for (const symbol of record.symbols) this.symbols.add(symbol);
    for (const path of record.absent) this.#absent.add(path);
    for (const place of record.includePlaces) this.#includePlaces.add(place);
    for (const name of record.includeNames) this.#includeNames.add(name);
    for (const path of record.directories) this.#listed.add(path);
    this.total = Math.max(this.total, objects.length);
    for (const { path: name, needs } of objects) {
      const number = this.objects.get(name) ?? this.objects.size;
      this.objects.set(name, number);
      for (const need of needs) {
        const path = files[need]!;
        const made = this.objectsOf.get(path);
        if (made === undefined) this.objectsOf.set(path, new Set([number]));
        else made.add(number);
      }
    }
  }

  /**
   * For each path that a range changes, what a change of it can change: bits of IMAGE and CONFIGURATION.
   *
   * A build's inputs are the files that it read, the listings that a wildcard saw, and the paths at which it looked and
   * found nothing. The builds in between may read other files, but only those that a changed input can have brought in: a
   * file that an added line of an input mentions counts as an input too, and so on.
   * @param suspects paths that a build has shown to matter, whatever was recorded
   */
  relevance(changes: Changes, mentions: Mentions, suspects: ReadonlySet<number>): Uint8Array {
    const comesAndGoes = changes.comingAndGoing();
    const relevance = new Uint8Array(changes.names.length);
    const reached: number[] = [];
    const mark = (path: number, bits: number) => {
      if ((relevance[path]! & bits) === bits) return;
      relevance[path]! |= bits;
      reached.push(path);
    };
    changes.names.forEach((name, path) => {
      if (this.#read.has(name) || suspects.has(path)) mark(path, IMAGE);
      if (this.#configuring.has(name)) mark(path, CONFIGURATION);
      // What is new where a build looked may be read from then on, whatever kind of file it is.
      if (comesAndGoes[path] === 1 && this.#isLookedFor(name)) mark(path, IMAGE | CONFIGURATION);
    });
    for (let path = reached.pop(); path !== undefined; path = reached.pop()) {
      for (const other of mentions.of(path)) mark(other, relevance[path]!);
    }
    return relevance;
  }

  /** Whether a build would have noticed a file at this path. */
  #isLookedFor(path: string): boolean {
    if (this.#absent.has(path) || this.#listed.has(directoryOf(path))) return true;
    for (let slash = path.lastIndexOf('/'); ; slash = path.lastIndexOf('/', slash - 1)) {
      const place = slash < 0 ? '' : path.slice(0, slash);
      if (this.#includePlaces.has(place) && this.#includeNames.has(path.slice(slash + 1))) return true;
      if (slash <= 0) return false;
    }
  }
}

/** '' is the top. */
function directoryOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}
