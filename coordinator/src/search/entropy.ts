import type { CommitIndex } from './graph.js';

/** What tests chosen so far will tell, and what a further one would add to it. */
export interface Foresight {
  /** Bits that a test of the commit is expected to add to those of the tests added before. */
  gain(commit: CommitIndex): number;
  add(commit: CommitIndex): void;
  /** What can be said besides of tests that never err. */
  readonly exchange?: Exchange;
}

/** Tests of which one may be put in the place of another. */
export interface Exchange {
  readonly hypotheses: number;
  remove(commit: CommitIndex): void;
  /** Rounds of so many tests each that are expected to follow those added and this one. */
  roundsAfter(commit: CommitIndex, slots: number): number;
}

/** Entropy in bits of a coin that shows heads with probability `p`; 0 for what rounding puts outside of [0, 1]. */
export function binaryEntropy(p: number): number {
  if (!(p > 0 && p < 1)) return 0;
  return -p * Math.log2(p) - (1 - p) * Math.log2(1 - p);
}
