import type { CommitGraph, CommitIndex } from './graph.js';

/** Flags every ancestor of a commit, itself included. */
export function ancestorsOf(graph: CommitGraph, commit: CommitIndex): Uint8Array {
  const flags = new Uint8Array(graph.size);
  flags[commit] = 1;
  for (let next = commit; next >= 0; next--) {
    if (flags[next] === 0) continue;
    for (let i = graph.offsets[next]!; i < graph.offsets[next + 1]!; i++) flags[graph.parentList[i]!] = 1;
  }
  return flags;
}

/** Flags the commits and all that descend from them. */
export function descendantsOf(graph: CommitGraph, commits: readonly CommitIndex[]): Uint8Array {
  const flags = new Uint8Array(graph.size);
  for (const commit of commits) flags[commit] = 1;
  for (let commit = 0; commit < graph.size; commit++) {
    for (const parent of graph.parents(commit)) flags[commit]! |= flags[parent]!;
  }
  return flags;
}

/** The sum of the weights of a commit's ancestors, itself included. */
export function ancestorWeight(graph: CommitGraph, weights: Float64Array, commit: CommitIndex): number {
  const flags = ancestorsOf(graph, commit);
  let sum = 0;
  for (let place = 0; place <= commit; place++) if (flags[place] === 1) sum += weights[place]!;
  return sum;
}

/** How many commits one pass over the graph can tell apart: the bits of a word. */
const BATCH = 32;

/**
 * For each commit of `tests`, whether its verdict can tell some of the `candidates` (a flag per commit) from others:
 * whether at least one, and not all of them, are among its ancestors.
 */
export function splitting(
  graph: CommitGraph,
  candidates: Uint8Array,
  count: number,
  tests: readonly CommitIndex[],
): boolean[] {
  const splits: boolean[] = [];
  const masks = new Uint32Array(graph.size);
  for (let start = 0; start < tests.length; start += BATCH) {
    const batch = tests.slice(start, start + BATCH);
    masks.fill(0);
    batch.forEach((commit, bit) => (masks[commit]! |= 1 << bit));
    const inside = new Uint32Array(batch.length);
    for (let commit = Math.max(...batch); commit >= 0; commit--) {
      const mask = masks[commit]!;
      if (mask === 0) continue;
      for (let i = graph.offsets[commit]!; i < graph.offsets[commit + 1]!; i++) {
        masks[graph.parentList[i]!]! |= mask;
      }
      if (candidates[commit] === 0) continue;
      for (let rest = mask; rest !== 0; rest &= rest - 1) inside[31 - Math.clz32(rest & -rest)]!++;
    }
    for (const found of inside) splits.push(found > 0 && found < count);
  }
  return splits;
}

/**
 * The commits whose verdict can tell candidates apart, oldest first; `allowed` says which may be tested at all. A
 * commit has all candidates among its ancestors exactly when it has all those that no other candidate descends from.
 */
export function splitters(
  graph: CommitGraph,
  candidates: Uint8Array,
  allowed: (commit: CommitIndex) => boolean,
): CommitIndex[] {
  const heads = headsOf(graph, candidates);
  const hit = Uint8Array.from(candidates);
  const full = new Uint8Array(graph.size).fill(1);
  const masks = new Uint32Array(graph.size);
  for (let start = 0; start < heads.length; start += BATCH) {
    const batch = heads.slice(start, start + BATCH);
    const all = batch.length === BATCH ? 0xffffffff : 2 ** batch.length - 1;
    masks.fill(0);
    batch.forEach((commit, bit) => (masks[commit] = 1 << bit));
    for (let commit = 0; commit < graph.size; commit++) {
      for (let i = graph.offsets[commit]!; i < graph.offsets[commit + 1]!; i++) {
        const parent = graph.parentList[i]!;
        masks[commit]! |= masks[parent]!;
        hit[commit]! |= hit[parent]!;
      }
      if (masks[commit] !== all) full[commit] = 0;
    }
  }
  const found: CommitIndex[] = [];
  for (let commit = 0; commit < graph.size; commit++) {
    if (hit[commit] === 1 && full[commit] === 0 && allowed(commit)) found.push(commit);
  }
  return found;
}

/** The candidates that no other candidate descends from. */
function headsOf(graph: CommitGraph, candidates: Uint8Array): CommitIndex[] {
  const below = new Uint8Array(graph.size);
  const heads: CommitIndex[] = [];
  for (let commit = graph.size - 1; commit >= 0; commit--) {
    if (candidates[commit] === 1 && below[commit] === 0) heads.push(commit);
    if (candidates[commit] === 0 && below[commit] === 0) continue;
    for (let i = graph.offsets[commit]!; i < graph.offsets[commit + 1]!; i++) below[graph.parentList[i]!] = 1;
  }
  return heads;
}
