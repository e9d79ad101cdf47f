import { KbisectError } from '@kbisect/shared/errors';
import { commitId, type CommitId } from '@kbisect/shared/ids';
import type { CommitGraph, CommitIndex } from '../search/graph.js';
import { grown } from '../search/id-table.js';

/** A commit of the range, or one of the commits outside of it that the changes were read for. */
export type Node = CommitIndex;

/** More changes than this are not kept: a range of so many is not predicted. */
const MAX_CHANGES = 8_000_000;

/**
 * By which files the commits of a range differ: each commit's changes against its `base`, which is its first parent
 * within the range or, where it has none, the reference, a commit outside of the range. States add up along the bases.
 */
export class Changes {
  readonly #nodes: ReadonlyMap<CommitId, Node>;

  /**
   * @param outside commits outside of the range, numbered behind those within; the last of them is the reference
   * @param bases each node's base
   * @param ends where each node's changes end in `paths`, `before` and `after`
   * @param paths of each change, as places in `names`
   * @param before what the file was: one number for each content and mode, 0 for none
   * @param names every path that is changed anywhere
   */
  constructor(
    readonly graph: CommitGraph,
    readonly outside: readonly CommitId[],
    readonly bases: Int32Array,
    private readonly ends: Int32Array,
    private readonly paths: Int32Array,
    private readonly before: Float64Array,
    private readonly after: Float64Array,
    readonly names: readonly string[],
  ) {
    this.#nodes = new Map(outside.map((id, place) => [id, graph.size + place]));
  }

  get size(): number {
    return this.graph.size + this.outside.length;
  }

  get reference(): Node {
    return this.size - 1;
  }

  nodeOf(commit: CommitId): Node | undefined {
    return this.graph.indexOf(commit) ?? this.#nodes.get(commit);
  }

  idOf(node: Node): CommitId {
    return node < this.graph.size ? this.graph.id(node) : this.outside[node - this.graph.size]!;
  }

  /** Calls back for each file by which a node differs from its base. */
  forEach(node: Node, see: (path: number, before: number, after: number) => void): void {
    for (let at = node === 0 ? 0 : this.ends[node - 1]!; at < this.ends[node]!; at++) {
      see(this.paths[at]!, this.before[at]!, this.after[at]!);
    }
  }

  /** What a node has at the paths at which it differs from the reference. */
  #state(node: Node): Map<number, number> {
    const line: Node[] = [];
    for (let at = node; at !== this.reference; at = this.bases[at]!) line.push(at);
    const state = new Map<number, number>();
    const originals = new Map<number, number>();
    for (const each of line.reverse()) {
      this.forEach(each, (path, before, after) => {
        if (!originals.has(path)) originals.set(path, before);
        state.set(path, after);
      });
    }
    for (const [path, content] of originals) if (state.get(path) === content) state.delete(path);
    return state;
  }

  /** Flags the paths at which a file comes or goes anywhere in the range. */
  comingAndGoing(): Uint8Array {
    const flags = new Uint8Array(this.names.length);
    this.paths.forEach((path, at) => {
      if (this.before[at] === 0 || this.after[at] === 0) flags[path] = 1;
    });
    return flags;
  }

  /** The paths at which two nodes have different files. */
  between(one: Node, other: Node): Set<number> {
    const [ofOne, ofOther] = [this.#state(one), this.#state(other)];
    const paths = new Set<number>();
    for (const path of [...ofOne.keys(), ...ofOther.keys()]) {
      if (ofOne.get(path) !== ofOther.get(path)) paths.add(path);
    }
    return paths;
  }

  /** All nodes, each behind its base. */
  *inOrder(): Generator<Node> {
    yield this.reference;
    for (let node = this.graph.size; node < this.reference; node++) yield node;
    for (let node = 0; node < this.graph.size; node++) yield node;
  }
}

/** The base of each node: what `git diff-tree --stdin` is to compare it with. */
export function basesOf(graph: CommitGraph, outside: number): Int32Array {
  const reference = graph.size + outside - 1;
  return new Int32Array(reference + 1)
    .fill(reference)
    .map((base, node) => (node < graph.size ? (graph.parents(node)[0] ?? base) : base));
}

/** Reads what `git diff-tree --stdin -r --raw -z --no-renames --no-abbrev` prints for a range's nodes, as it comes. */
export class ChangesParser {
  readonly #places = new Map<string, number>();
  readonly #names: string[] = [];
  readonly #nodes: ReadonlyMap<CommitId, Node>;
  #starts: Int32Array;
  #counts: Int32Array;
  #paths = new Int32Array(1024);
  #before = new Float64Array(1024);
  #after = new Float64Array(1024);
  #size = 0;
  #node: Node | undefined;
  #entry: string | undefined;
  #rest: Buffer = Buffer.alloc(0);

  constructor(
    private readonly graph: CommitGraph,
    private readonly outside: readonly CommitId[],
  ) {
    this.#nodes = new Map(outside.map((id, place) => [id, graph.size + place]));
    this.#starts = new Int32Array(graph.size + outside.length);
    this.#counts = new Int32Array(graph.size + outside.length);
  }

  /** @throws KbisectError `resource-exhausted` when there are too many changes to keep */
  push(chunk: Buffer): void {
    const text = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let start = 0;
    for (let end = text.indexOf(0); end >= 0; end = text.indexOf(0, start)) {
      this.#token(text.toString('utf8', start, end));
      start = end + 1;
    }
    this.#rest = Buffer.from(text.subarray(start));
  }

  end(): Changes {
    const { graph, outside } = this;
    const nodes = graph.size + outside.length;
    const ends = new Int32Array(nodes);
    const [paths, before, after] = [
      new Int32Array(this.#size),
      new Float64Array(this.#size),
      new Float64Array(this.#size),
    ];
    let end = 0;
    for (let node = 0; node < nodes; node++) {
      const [from, to] = [this.#starts[node]!, this.#starts[node]! + this.#counts[node]!];
      paths.set(this.#paths.subarray(from, to), end);
      before.set(this.#before.subarray(from, to), end);
      after.set(this.#after.subarray(from, to), end);
      ends[node] = end += to - from;
    }
    const bases = basesOf(graph, outside.length);
    return new Changes(graph, outside, bases, ends, paths, before, after, this.#names);
  }

  #token(token: string): void {
    if (this.#entry !== undefined) {
      this.#change(this.#entry, token);
      this.#entry = undefined;
    } else if (token.startsWith(':')) {
      this.#entry = token;
    } else {
      const id = commitId(token);
      this.#node = this.graph.indexOf(id) ?? this.#nodes.get(id);
      if (this.#node === undefined) throw malformed(token);
      this.#starts[this.#node] = this.#size;
    }
  }

  #change(entry: string, path: string): void {
    const [, modeBefore, modeAfter, blobBefore, blobAfter] =
      /^:(\d{6}) (\d{6}) ([0-9a-f]{40}) ([0-9a-f]{40}) [A-Z]$/.exec(entry) ?? [];
    if (this.#node === undefined || !modeBefore || !modeAfter || !blobBefore || !blobAfter)
      throw malformed(entry);
    if (this.#size === MAX_CHANGES) {
      throw new KbisectError('resource-exhausted', `the range changes files more than ${MAX_CHANGES} times`);
    }
    if (this.#size === this.#paths.length) {
      this.#paths = grown(this.#paths);
      this.#before = doubled(this.#before);
      this.#after = doubled(this.#after);
    }
    let place = this.#places.get(path);
    if (place === undefined) {
      this.#places.set(path, (place = this.#names.length));
      this.#names.push(path);
    }
    this.#paths[this.#size] = place;
    this.#before[this.#size] = contentOf(modeBefore, blobBefore);
    this.#after[this.#size++] = contentOf(modeAfter, blobAfter);
    this.#counts[this.#node]! += 1;
  }
}

const MODES = ['000000', '100644', '100755', '120000', '160000'];

/** One number for a file's content and mode: 44 bits of its blob's id tell the few versions of one path apart. */
function contentOf(mode: string, blob: string): number {
  return mode === '000000' ? 0 : parseInt(blob.slice(0, 11), 16) * 8 + Math.max(0, MODES.indexOf(mode)) + 1;
}

function doubled(array: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(2 * array.length);
  larger.set(array);
  return larger;
}

function malformed(token: string): KbisectError {
  return new KbisectError('internal', `git diff-tree printed ${JSON.stringify(token.slice(0, 200))}`);
}
