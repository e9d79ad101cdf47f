import type { Changes, Node } from './changes.js';
import type { Classes } from './collapse.js';
import type { Consumed } from './consumed.js';
import type { Canonical } from './transitions.js';

/** States of more files and classes than this are not kept: every build is then taken for one of a cold tree. */
const MAX_STATES = 40_000_000;

/** What make compiles anew when a tree goes from one commit to another, before it is paid for. */
export class Rebuilds {
  /** Objects of the whole build. */
  readonly total: number;
  readonly #words: number;
  /** For each changed path that objects are made of, the objects, as bits. */
  readonly #objects: Uint32Array[] = [];
  /** For each source state, which version of each of those paths it has; none when there are too many. */
  readonly #states: Uint16Array[] = [];
  readonly #known = new Map<number, number>();

  constructor(
    changes: Changes,
    private readonly classes: Classes,
    consumed: Consumed,
    /** Contents that make is not told apart. */
    private readonly canonical: Canonical,
  ) {
    this.total = consumed.total;
    this.#words = Math.ceil(consumed.objects.size / 32);
    const columns = new Int32Array(changes.names.length).fill(-1);
    changes.names.forEach((name, path) => {
      const objects = consumed.objectsOf.get(name);
      if (objects === undefined) return;
      columns[path] = this.#objects.length;
      const bits = new Uint32Array(this.#words);
      for (const object of objects) bits[object >> 5]! |= 1 << (object & 31);
      this.#objects.push(bits);
    });
    if (classes.count * this.#objects.length <= MAX_STATES) this.#fill(changes, columns);
  }

  /** Objects that a build of `to` compiles in a tree that was last built at `from`; without one, all. */
  objects(from: Node | undefined, to: Node): number {
    const { sources, of } = this.classes;
    if (from === undefined || this.#states.length === 0) return this.total;
    if (of[from] === of[to]) return 0;
    const [one, other] = [sources[from]!, sources[to]!];
    const key = Math.min(one, other) * this.#states.length + Math.max(one, other);
    let count = this.#known.get(key);
    if (count === undefined)
      this.#known.set(key, (count = this.#count(this.#states[one]!, this.#states[other]!)));
    return count;
  }

  #fill(changes: Changes, columns: Int32Array): void {
    const versions = this.#objects.map(() => new Map<number, number>());
    const { sources } = this.classes;
    for (const node of changes.inOrder()) {
      if (this.#states[sources[node]!] !== undefined) continue;
      const state =
        this.#states[sources[changes.bases[node]!]!]?.slice() ?? new Uint16Array(this.#objects.length);
      changes.forEach(node, (path, ...contents) => {
        const column = columns[path]!;
        if (column < 0) return;
        const [before, after] = contents.map((content) => this.canonical(path, content)) as [number, number];
        const known = versions[column]!;
        // What the reference has is version 0.
        if (known.size === 0) known.set(before, 0);
        const version = known.get(after) ?? known.size;
        known.set(after, version);
        state[column] = version;
      });
      this.#states[sources[node]!] = state;
    }
  }

  #count(one: Uint16Array, other: Uint16Array): number {
    const union = new Uint32Array(this.#words);
    for (let column = 0; column < one.length; column++) {
      if (one[column] === other[column]) continue;
      const bits = this.#objects[column]!;
      for (let word = 0; word < union.length; word++) union[word]! |= bits[word]!;
    }
    return union.reduce((sum, word) => sum + ones(word), 0);
  }
}

function ones(word: number): number {
  let count = 0;
  for (let left = word; left !== 0; left &= left - 1) count += 1;
  return count;
}
