import { splitters } from './ancestry.js';
import { Candidates } from './candidates.js';
import type { CommitGraph, CommitIndex } from './graph.js';
import { drawHypotheses } from './hypotheses.js';
import { selectCommits } from './select.js';

/** What is read from a test of a commit: the oracle's verdict. */
export type Reading = 'old' | 'new' | 'skip';

export interface SearchOptions {
  /** Decides every random choice: the same seed and the same observations in the same order give the same search. */
  readonly seed: number;
}

/** How a search stands. */
export type Conclusion =
  | { readonly kind: 'searching' }
  | { readonly kind: 'found'; readonly culprit: CommitIndex; readonly confidence: number }
  /** No commit that can be tested tells these apart; oldest first. */
  | { readonly kind: 'ambiguous'; readonly candidates: readonly CommitIndex[] }
  /** No commit did it: old and new behave alike. */
  | { readonly kind: 'flake'; readonly confidence: number };

/**
 * Looks for the culprit in a range whose last commit is new and before which everything is old. A verdict that
 * contradicts the earlier ones (it would leave no candidate at all) changes nothing.
 */
export class Search {
  readonly #candidates: Candidates;
  readonly #verdicts = new Map<CommitIndex, Reading>();

  constructor(
    readonly graph: CommitGraph,
    readonly options: SearchOptions,
  ) {
    this.#candidates = new Candidates(graph, new Uint8Array(graph.size).fill(1));
  }

  /** How many commits could still be the culprit. */
  get remaining(): number {
    return this.#candidates.count;
  }

  /** Takes in a verdict. One that comes after a skip replaces it; a skip after a verdict changes nothing. */
  observe(commit: CommitIndex, reading: Reading): void {
    const known = this.#verdicts.get(commit);
    if (known !== undefined && known !== 'skip') return;
    this.#verdicts.set(commit, reading);
    if (reading !== 'skip') this.#candidates.observe(commit, reading);
  }

  /**
   * The commits to test next, the most telling first: at most `slots`, fewer when fewer can teach anything, none
   * that is in flight, known or skipped. `cost` is the expected time of a test of a commit, in any unit.
   */
  choose(request: {
    readonly slots: number;
    readonly inFlight: readonly CommitIndex[];
    readonly cost?: (commit: CommitIndex) => number;
  }): CommitIndex[] {
    if (request.slots <= 0 || this.conclusion().kind !== 'searching') return [];
    const { flags } = this.#candidates;
    const inFlight = new Set(request.inFlight);
    const { cost } = request;
    return selectCommits({
      graph: this.graph,
      hypotheses: drawHypotheses(Float64Array.from(flags), this.graph.size > 50_000 ? 512 : 1024),
      slots: request.slots,
      inFlight: request.inFlight,
      worth: (commit) => {
        if (inFlight.has(commit) || this.#verdicts.has(commit)) return 0;
        return cost === undefined ? 1 : 1 / cost(commit);
      },
    });
  }

  /** Those in flight whose result can change nothing any more: to be withdrawn. */
  futile(inFlight: readonly CommitIndex[]): CommitIndex[] {
    return this.#candidates.futile(inFlight);
  }

  /** How many more rounds of `slots` tests each the search is expected to take. */
  expectedRounds(slots: number): number {
    return Math.log2(this.remaining) / Math.log2(1 + Math.max(1, slots));
  }

  conclusion(): Conclusion {
    const { flags, count } = this.#candidates;
    if (count === 1) return { kind: 'found', culprit: flags.indexOf(1), confidence: 1 };
    const skipped = [...this.#verdicts.values()].includes('skip');
    if (!skipped) return { kind: 'searching' };
    const testable = splitters(this.graph, flags, (commit) => !this.#verdicts.has(commit));
    return testable.length > 0
      ? { kind: 'searching' }
      : { kind: 'ambiguous', candidates: this.#candidates.list() };
  }
}
