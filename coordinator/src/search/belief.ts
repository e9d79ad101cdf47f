import type { Foresight } from './entropy.js';
import type { CommitIndex } from './graph.js';
import type { Ancestors } from './hypotheses.js';
import type { RandomSource } from './random.js';

/** What is believed of the culprit: by verdicts that never err, or by trials that may. */
export interface Belief {
  observe(commit: CommitIndex, reading: 'old' | 'new'): void;
  /** Takes in what a commit is for certain. */
  settle(commit: CommitIndex, reading: 'old' | 'new'): void;
  /** Takes in that two commits give one image, so that no commit that only one of them contains is the culprit. */
  equate(one: CommitIndex, other: CommitIndex): void;
  /** How likely each commit is the culprit, in any unit. */
  readonly weights: Float64Array;
  /** Commits that could still be the culprit. */
  readonly remaining: number;
  /** What is not known yet, in bits. */
  readonly bits: number;
  /** A reading could not be true with the earlier ones, and was left out. */
  readonly contradicted: boolean;
  /** How likely the commit is new, and how likely it is old; the rest is that no commit did it. */
  probability(commit: CommitIndex): { readonly new: number; readonly old: number };
  /** Bits that one test tells of a question that is open by half. */
  readonly bitsPerTest: number;
  /** What follows from the evidence alone. */
  conclusion(): Verdictless;
  /** Commits that have to be told apart before one of them can be named. */
  unresolved(): Unresolved;
  /** Those of `tests` whose outcome would change nothing. */
  futile(tests: readonly CommitIndex[]): CommitIndex[];
  /** For choosing: which hypotheses each commit descends from, and what tests of commits will tell of them. */
  foresee(random: RandomSource): { readonly ancestors: Ancestors; readonly foresight: Foresight };
}

/** A conclusion before skips are looked at. */
export type Verdictless =
  | { readonly kind: 'searching' }
  | { readonly kind: 'found'; readonly culprit: CommitIndex; readonly confidence: number }
  /** No commit did it: old and new behave alike. */
  | { readonly kind: 'flake'; readonly confidence: number };

/** The likeliest commits that together are likely enough for a conclusion or, if that cannot be, all that may be it. */
export interface Unresolved {
  /** A flag per commit. */
  readonly flags: Uint8Array;
  readonly count: number;
  /** How likely the culprit is one of them. */
  readonly confidence: number;
}

/** Entropy in bits of a distribution given by weights of any unit. */
export function entropyOf(weights: Float64Array): number {
  let total = 0;
  let sum = 0;
  for (const weight of weights) {
    if (weight === 0) continue;
    total += weight;
    sum += weight * Math.log2(weight);
  }
  return Math.max(0, Math.log2(total) - sum / total);
}
