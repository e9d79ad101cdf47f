import { KbisectError } from '@kbisect/shared/errors';
import { type CommitId } from '@kbisect/shared/ids';
import { grown, IdTable } from './id-table.js';

/** A commit's place in topological order: 0 is the oldest, parents have smaller places than their children. */
export type CommitIndex = number;

/** In place of a commit of the range: the old end, which is in no range and has no culprit among its ancestors. */
export const OLD_END = -1;

/**
 * The commits of a range and the parents they have within it, in typed arrays. The last commit is the tip, of
 * which every other one is an ancestor; parents outside the range are old.
 */
export class CommitGraph {
  readonly #ids: IdTable;
  readonly #entries: Int32Array;
  readonly #indices: Int32Array;

  /** Of ids that were asked for. */
  readonly #texts: CommitId[] = [];

  /**
   * @param ids numbers the ids of the range, and possibly others
   * @param entries the number of each commit's id
   * @param offsets where each commit's parents start in `parentList`; one more than there are commits
   */
  constructor(
    ids: IdTable,
    entries: Int32Array,
    readonly offsets: Int32Array,
    readonly parentList: Int32Array,
  ) {
    this.#ids = ids;
    this.#entries = entries;
    this.#indices = new Int32Array(ids.size).fill(-1);
    entries.forEach((entry, index) => (this.#indices[entry] = index));
  }

  get size(): number {
    return this.#entries.length;
  }

  id(index: CommitIndex): CommitId {
    const entry = this.#entries[index];
    if (entry === undefined) throw new KbisectError('internal', `no commit ${index} of ${this.size}`);
    return (this.#texts[index] ??= this.#ids.hex(entry) as CommitId);
  }

  /** The commit's place, or undefined when it is not in the range. */
  indexOf(id: CommitId): CommitIndex | undefined {
    const index = this.#indices[this.#ids.find(id)] ?? -1;
    return index < 0 ? undefined : index;
  }

  parents(index: CommitIndex): Int32Array {
    return this.parentList.subarray(this.offsets[index], this.offsets[index + 1]);
  }
}

const NEWLINE = 10;
const SPACE = 32;
const ID_LENGTH = 40;

/**
 * Reads what `git rev-list --topo-order --parents <new> --not <olds>... [-- <pathspecs>]` prints, newest first, as
 * it comes. With `firstParent` only the first parent of each commit counts: `--first-parent` chooses the commits but
 * still prints all parents.
 */
export class RevListParser {
  readonly #ids = new IdTable();
  readonly #firstParent: boolean;
  #rows = new Int32Array(1024); // a row is a line: the number of its commit
  #ends = new Int32Array(1024); // where a row's parents end in #parents
  #parents = new Int32Array(2048);
  #size = 0;
  #parentCount = 0;
  #rest: Buffer = Buffer.alloc(0);

  constructor(options: { firstParent?: boolean } = {}) {
    this.#firstParent = options.firstParent ?? false;
  }

  push(chunk: Buffer): void {
    const text = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let start = 0;
    for (let end = text.indexOf(NEWLINE); end >= 0; end = text.indexOf(NEWLINE, start)) {
      this.#line(text, start, end);
      start = end + 1;
    }
    this.#rest = Buffer.from(text.subarray(start));
  }

  /** @throws KbisectError `invalid-argument` when the text is not such a listing, or not in topological order. */
  end(): CommitGraph {
    if (this.#rest.length > 0) this.#line(this.#rest, 0, this.#rest.length);
    const size = this.#size;
    const indexOfEntry = new Int32Array(this.#ids.size).fill(-1);
    const entries = new Int32Array(size);
    for (let index = 0; index < size; index++) {
      entries[index] = this.#rows[size - 1 - index]!;
      indexOfEntry[entries[index]!] = index;
    }
    const offsets = new Int32Array(size + 1);
    const parentList = new Int32Array(this.#parentCount);
    let count = 0;
    for (let index = 0; index < size; index++) {
      const row = size - 1 - index;
      for (let i = row === 0 ? 0 : this.#ends[row - 1]!; i < this.#ends[row]!; i++) {
        const parent = indexOfEntry[this.#parents[i]!]!;
        if (parent >= index) throw malformed(`${this.#ids.hex(entries[index]!)} is listed after its parent`);
        if (parent >= 0) parentList[count++] = parent;
      }
      offsets[index + 1] = count;
    }
    return new CommitGraph(this.#ids, entries, offsets, parentList.slice(0, count));
  }

  #line(text: Buffer, start: number, end: number): void {
    if (start === end) return;
    if (this.#size === this.#rows.length) {
      this.#rows = grown(this.#rows);
      this.#ends = grown(this.#ends);
    }
    this.#rows[this.#size] = this.#id(text, start, end);
    const last = this.#firstParent ? Math.min(end, start + 2 * (ID_LENGTH + 1)) : end;
    for (let at = start + ID_LENGTH + 1; at < last; at += ID_LENGTH + 1) {
      if (this.#parentCount === this.#parents.length) this.#parents = grown(this.#parents);
      this.#parents[this.#parentCount++] = this.#id(text, at, end);
    }
    this.#ends[this.#size++] = this.#parentCount;
  }

  #id(text: Buffer, at: number, end: number): number {
    const after = at + ID_LENGTH;
    const whole = after === end || (after < end && text[after] === SPACE);
    const number = whole ? this.#ids.intern(text, at) : -1;
    if (number < 0)
      throw malformed(`${JSON.stringify(text.toString('latin1', at, end).slice(0, 80))} is not a commit id`);
    return number;
  }
}

function malformed(what: string): KbisectError {
  return new KbisectError(
    'invalid-argument',
    `not the output of git rev-list --topo-order --parents: ${what}`,
  );
}
