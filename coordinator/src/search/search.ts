import { splitters } from './ancestry.js';
import type { Belief, Verdictless } from './belief.js';
import { Candidates } from './candidates.js';
import { OLD_END, type CommitGraph, type CommitIndex } from './graph.js';
import { DEFAULT_NOISE, type NoiseModel } from './noise.js';
import { NoisyBelief } from './noisy-belief.js';
import { seededRandom } from './random.js';
import { expectedDepth } from './rounds.js';
import { selectCommits, WORTH_WAITING, type Worth } from './select.js';
import { SkipModel } from './skips.js';

/** What is read from a test of a commit: the oracle's verdict or, where there is noise, one trial's. */
export type Reading = 'old' | 'new' | 'skip';

export interface SearchOptions {
  /** Decides every random choice: the same seed and the same observations in the same order give the same search. */
  readonly seed: number;
  /** How likely each commit is the culprit, in any unit; 0 for one that cannot be. All alike by default. */
  readonly prior?: Float64Array;
  /** Readings are single trials, which may err. By default they are verdicts, which do not. */
  readonly noise?: Partial<NoiseModel> & {
    /** How likely a conclusion has to be before it is drawn, in (0, 1). Default 0.99. */
    readonly confidence?: number;
  };
}

/** How a search stands. */
export type Conclusion =
  | Verdictless
  /** No commit that can be tested tells these apart; oldest first. */
  | { readonly kind: 'ambiguous'; readonly candidates: readonly CommitIndex[]; readonly confidence: number };

/**
 * Looks for the culprit in a range whose last commit is new and before which everything is old. Without noise, a
 * verdict that contradicts the earlier ones (it would leave no candidate at all) changes nothing.
 */
export class Search {
  readonly #belief: Belief;
  readonly #noisy: boolean;
  /** How likely a conclusion has to be. */
  readonly #confidence: number;
  readonly #skips: SkipModel;
  readonly #verdicts = new Map<CommitIndex, Reading>();
  /** Commits whose verdict no reading changes. */
  readonly #settled = new Set<CommitIndex>();
  readonly #seed: number;
  /** Changes of what is known: the chance of a choice depends on them alone, not on how often it was asked for. */
  #changes = 0;
  /** What follows from what is known, once it was asked for. */
  #conclusion: Conclusion | undefined;

  constructor(
    readonly graph: CommitGraph,
    { seed, prior, noise }: SearchOptions,
  ) {
    const weights = prior ?? new Float64Array(graph.size).fill(1);
    this.#noisy = noise !== undefined;
    this.#seed = seed;
    this.#skips = new SkipModel(graph);
    this.#confidence = noise?.confidence ?? 0.99;
    this.#belief =
      noise === undefined
        ? new Candidates(graph, weights)
        : new NoisyBelief(graph, weights, { ...DEFAULT_NOISE, ...noise }, this.#confidence);
  }

  /** How many commits could still be the culprit. */
  get remaining(): number {
    return this.#belief.remaining;
  }

  /** How likely each commit is the culprit, as shares of the chance that one is. */
  get posterior(): Float64Array {
    const { weights } = this.#belief;
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return weights.map((weight) => weight / total);
  }

  /** Whether a verdict could not be true with the earlier ones: trials err, and should be told one by one. */
  get contradicted(): boolean {
    return this.#belief.contradicted;
  }

  /** How likely the commit is new, and how likely it is old; where there is noise they may be less than 1 together. */
  probability(commit: CommitIndex): { readonly new: number; readonly old: number } {
    return this.#belief.probability(commit);
  }

  /**
   * Takes in a verdict, or one trial's where there is noise. Of verdicts on one commit the first counts, but one that
   * comes after a skip replaces it. `OLD_END` stands for the old end: its trials teach how often old commits fail.
   */
  observe(commit: CommitIndex, reading: Reading): void {
    if (this.#settled.has(commit)) return;
    const known = this.#verdicts.get(commit);
    const told = known !== undefined && known !== 'skip';
    if (told && (reading === 'skip' || !this.#noisy)) return;
    this.#change();
    if (commit !== OLD_END) {
      if (known === undefined) this.#skips.observe(commit, reading !== 'skip');
      this.#verdicts.set(commit, reading);
    } else if (!this.#noisy) {
      return;
    }
    if (reading !== 'skip') this.#belief.observe(commit, reading);
  }

  /** Takes in a commit's verdict for certain, whatever is read from tests of it, before any reading. */
  settle(commit: CommitIndex, verdict: Reading): void {
    this.#change();
    this.#settled.add(commit);
    this.#skips.observe(commit, verdict !== 'skip');
    this.#verdicts.set(commit, verdict);
    if (verdict !== 'skip') this.#belief.settle(commit, verdict);
  }

  /** Takes in that two commits give one image. */
  equate(one: CommitIndex, other: CommitIndex): void {
    this.#change();
    this.#belief.equate(one, other);
  }

  /**
   * The commits to test next, the most telling first: at most `slots`, fewer when fewer can teach anything, none
   * that is in flight or skipped, and none whose verdict is known. Where there is noise a commit can be tried again,
   * and so can the old end (`OLD_END`).
   * @param request.cost the expected time of a test, in any unit; of `OLD_END` too where there is noise
   */
  choose(request: {
    readonly slots: number;
    readonly inFlight: readonly CommitIndex[];
    readonly cost?: (commit: CommitIndex) => number;
  }): CommitIndex[] {
    const { slots, inFlight, cost } = request;
    if (slots <= 0 || this.conclusion().kind !== 'searching') return [];
    const worth = this.#worth(new Set(inFlight), cost ?? (() => 1));
    const least = this.#noisy ? WORTH_WAITING : 0;
    for (;;) {
      const { ancestors, foresight } = this.#belief.foresee(seededRandom(this.#seed + this.#changes));
      const selected = selectCommits(ancestors, foresight, inFlight, slots, worth, least);
      // With many slots the last ones promise so little that they would be withdrawn at once.
      const futile = new Set(this.futile(selected));
      const chosen = selected.filter((commit) => !futile.has(commit));
      if (chosen.length > 0 || inFlight.length > 0) return chosen;
      if (selected.length === 0) break;
      for (const commit of selected) worth.commits[commit] = 0;
    }
    // Hypotheses that stand for many candidates may miss the few that a last testable commit parts from them.
    return splitters(this.graph, this.#belief.unresolved().flags, (commit) => this.#testable(commit)).slice(
      0,
      slots,
    );
  }

  /** Those in flight whose result can change nothing any more: to be withdrawn. */
  futile(inFlight: readonly CommitIndex[]): CommitIndex[] {
    return this.conclusion().kind === 'searching' ? this.#belief.futile(inFlight) : [...inFlight];
  }

  /** How many more rounds of `slots` tests each the search is expected to take. */
  expectedRounds(slots: number): number {
    if (this.conclusion().kind !== 'searching') return 0;
    return expectedDepth(2 ** this.#belief.bits, Math.max(1, slots) + 1) / this.#belief.bitsPerTest;
  }

  conclusion(): Conclusion {
    return (this.#conclusion ??= this.#conclude());
  }

  #conclude(): Conclusion {
    const evident = this.#belief.conclusion();
    if (evident.kind !== 'searching' || !this.#skips.anySkipped) return evident;
    const { flags, confidence } = this.#belief.unresolved();
    if (confidence < this.#confidence) return evident;
    const telling = splitters(this.graph, flags, (commit) => this.#testable(commit));
    if (telling.length > 0) return evident;
    const candidates = [...flags.keys()].filter((commit) => flags[commit] === 1);
    return { kind: 'ambiguous', candidates, confidence };
  }

  #change(): void {
    this.#changes++;
    this.#conclusion = undefined;
  }

  /**
   * By what a test's information is weighed: how surely it gives any, for the time it takes. A new image serves as many
   * trials as it takes to be sure of it, so that each bears but a share of what the image costs more than a repeat.
   */
  #worth(inFlight: ReadonlySet<CommitIndex>, cost: (commit: CommitIndex) => number): Worth {
    const costs = new Float64Array(this.graph.size);
    let cheapest = Infinity;
    for (let commit = 0; commit < costs.length; commit++) {
      if (!this.#testable(commit) || inFlight.has(commit)) continue;
      const each = cost(commit);
      costs[commit] = each;
      if (each < cheapest) cheapest = each;
    }
    const oldEnd = this.#noisy && !inFlight.has(OLD_END) ? cost(OLD_END) : 0;
    if (oldEnd > 0 && oldEnd < cheapest) cheapest = oldEnd;
    const share = this.#belief.bitsPerTest ** 2;
    const worth = (each: number, sure: number) =>
      each === 0 ? 0 : sure / (cheapest + share * (each - cheapest));
    const untried = this.#skips.anySkipped ? (commit: CommitIndex) => 1 - this.#skips.risk(commit) : () => 1;
    return {
      commits: costs.map((each, commit) => worth(each, this.#verdicts.has(commit) ? 1 : untried(commit))),
      oldEnd: worth(oldEnd, 1),
    };
  }

  #testable(commit: CommitIndex): boolean {
    if (this.#settled.has(commit)) return false;
    const known = this.#verdicts.get(commit);
    return known === undefined || (this.#noisy && known !== 'skip');
  }
}
