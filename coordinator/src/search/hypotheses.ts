import { OLD_END, type CommitGraph, type CommitIndex } from './graph.js';

/** In place of a culprit: the hypothesis that no commit did it. */
export const NO_COMMIT = -1;

/** Culprits that stand for the whole posterior, and their shares of it (which add up to 1). */
export interface Hypotheses {
  readonly culprits: Int32Array;
  readonly shares: Float64Array;
}

/**
 * Draws at most about 2 x `limit` culprits from the posterior. Up to `limit` candidates stand for themselves;
 * of more, those with more than their share do, and the light ones are sampled evenly along topological order.
 */
export function drawHypotheses(weights: Float64Array, limit: number): Hypotheses {
  let total = 0;
  let support = 0;
  for (const weight of weights) {
    total += weight;
    if (weight > 0) support++;
  }
  const step = total / limit;
  const culprits: number[] = [];
  const shares: number[] = [];
  let carried = step / 2;
  for (let commit = 0; commit < weights.length; commit++) {
    const weight = weights[commit]!;
    if (weight === 0) continue;
    let share = weight;
    if (support > limit && weight < step) {
      carried += weight;
      if (carried < step) continue;
      carried -= step;
      share = step;
    }
    culprits.push(commit);
    shares.push(share);
  }
  const drawn = shares.reduce((sum, share) => sum + share, 0);
  return { culprits: Int32Array.from(culprits), shares: Float64Array.from(shares, (share) => share / drawn) };
}

/** Which hypotheses are ancestors of each commit: a row of bits per commit, by bytes and by words. */
export class Ancestors {
  /** Bytes of a row. */
  readonly width: number;
  readonly bytes: Uint8Array;
  readonly #words: Uint32Array;

  constructor(
    readonly graph: CommitGraph,
    { culprits }: Hypotheses,
  ) {
    const length = Math.max(1, Math.ceil(culprits.length / 32));
    const words = new Uint32Array((graph.size + 1) * length); // the last row is the old end's
    this.width = 4 * length;
    this.bytes = new Uint8Array(words.buffer);
    this.#words = words;
    culprits.forEach((commit, bit) => {
      if (commit !== NO_COMMIT) this.bytes[commit * this.width + (bit >> 3)]! |= 1 << (bit & 7);
    });
    for (let commit = 0; commit < graph.size; commit++) {
      const to = commit * length;
      for (let i = graph.offsets[commit]!; i < graph.offsets[commit + 1]!; i++) {
        const from = graph.parentList[i]! * length;
        for (let word = 0; word < length; word++) words[to + word]! |= words[from + word]!;
      }
    }
  }

  /** Where a commit's row starts in `bytes`. */
  start(commit: CommitIndex): number {
    return (commit === OLD_END ? this.graph.size : commit) * this.width;
  }

  /** Whether two commits have the same hypotheses among their ancestors. */
  same(one: CommitIndex, other: CommitIndex): boolean {
    const ones = this.start(one) / 4;
    const others = this.start(other) / 4;
    for (let word = 0; word < this.width / 4; word++) {
      if (this.#words[ones + word] !== this.#words[others + word]) return false;
    }
    return true;
  }

  /** A number that is equal for equal rows (FNV-1a, by words). */
  hash(commit: CommitIndex): number {
    let hash = 0x811c9dc5;
    for (let i = this.start(commit) / 4, end = i + this.width / 4; i < end; i++) {
      hash = Math.imul(hash ^ this.#words[i]!, 0x01000193);
      hash ^= hash >>> 15;
    }
    return hash >>> 0;
  }
}
