import type { CommitId } from '@kbisect/shared/ids';
import type { Changes, Node } from './changes.js';
import { CONFIGURATION, IMAGE } from './consumed.js';
import type { Canonical } from './transitions.js';

/** Nodes of a range parted into classes: those of one class give one image. */
export interface Classes {
  /** The class of each node; classes are numbered from 0. */
  readonly of: Int32Array;
  readonly count: number;
  /** Nodes whose images differ at most by their configuration have one number here. */
  readonly sources: Int32Array;
}

/**
 * Collapses a range into classes of commits that give one image: commits are alike when all files that can change
 * the image are. States are compared by a sum of hashes over those files (Zobrist 1970), 64 bits wide.
 *
 * Where only files differ that decide the configuration, the image differs only if the configuration does.
 * @param configs digests of the configurations that builds have had, by node
 * @param canonical tells contents that decide the same; default: each counts
 */
export function collapse(
  changes: Changes,
  relevance: Uint8Array,
  configs: ReadonlyMap<Node, string>,
  canonical: Canonical = (_path, content) => content,
): Classes {
  const images = stateOf(changes, (path) => (relevance[path]! & IMAGE) !== 0, canonical);
  const configurations = stateOf(changes, (path) => (relevance[path]! & CONFIGURATION) !== 0, canonical);
  const known = new Map<string, string>();
  for (const [node, config] of configs) known.set(configurations(node), config);

  const [of, sources] = [new Int32Array(changes.size), new Int32Array(changes.size)];
  const [classes, numbers] = [new Map<string, number>(), new Map<string, number>()];
  for (let node = 0; node < changes.size; node++) {
    const image = images(node);
    const configuration = configurations(node);
    const config = known.get(configuration) ?? configuration;
    sources[node] = numberIn(numbers, image);
    of[node] = numberIn(classes, `${image} ${config}`);
  }
  return { of, sources, count: classes.size };
}

/** The classes of more than one commit. */
export function groupsOf(changes: Changes, { of, count }: Classes): CommitId[][] {
  const groups = Array.from({ length: count }, (): CommitId[] => []);
  of.forEach((one, node) => groups[one]!.push(changes.idOf(node)));
  return groups.filter((group) => group.length > 1);
}

function numberIn(numbers: Map<string, number>, key: string): number {
  const known = numbers.get(key);
  if (known === undefined) numbers.set(key, numbers.size);
  return known ?? numbers.size - 1;
}

/** Gives each node's state over the chosen files, as a key that equal states share. */
function stateOf(
  changes: Changes,
  counts: (path: number) => boolean,
  canonical: Canonical,
): (node: Node) => string {
  const [high, low] = [new Int32Array(changes.size), new Int32Array(changes.size)];
  for (const node of changes.inOrder()) {
    const base = changes.bases[node]!;
    let [h, l] = [high[base]!, low[base]!];
    changes.forEach(node, (path, contentBefore, contentAfter) => {
      if (!counts(path)) return;
      const [before, after] = [canonical(path, contentBefore), canonical(path, contentAfter)];
      h ^= hash(path, before, 1) ^ hash(path, after, 1);
      l ^= hash(path, before, 2) ^ hash(path, after, 2);
    });
    [high[node], low[node]] = [h, l];
  }
  return (node) => `${high[node]!},${low[node]!}`;
}

/** Mixes a path and a content of up to 2^47 into 32 bits (the finalizer of MurmurHash3). */
function hash(path: number, content: number, seed: number): number {
  let mixed = Math.imul(path + 1, 0x9e3779b1) ^ Math.imul(seed, 0x7feb352d);
  for (const word of [content >>> 0, Math.floor(content / 2 ** 32)]) {
    mixed ^= word;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    mixed ^= mixed >>> 16;
  }
  return mixed;
}
