import { ancestorsOf, ancestorWeight, splitting } from './ancestry.js';
import { entropyOf, type Belief, type Unresolved, type Verdictless } from './belief.js';
import type { CommitGraph, CommitIndex } from './graph.js';
import { Ancestors, drawHypotheses } from './hypotheses.js';
import { Partition } from './partition.js';

/** How many hypotheses stand for the posterior: fewer on large graphs, where each costs a bit of every commit. */
function hypothesisLimit(graphSize: number): number {
  return graphSize > 50_000 ? 512 : 1024;
}

/**
 * What verdicts that never err leave of a range: a commit is new exactly when the culprit is among its ancestors.
 * A verdict that would leave no candidate contradicts earlier ones; the earlier ones stand.
 */
export class Candidates implements Belief {
  readonly bitsPerTest = 1;
  contradicted = false;
  readonly #flags: Uint8Array;
  readonly #weights: Float64Array;
  #count: number;

  /** @param prior how likely each commit is the culprit, in any unit; 0 for those that cannot be */
  constructor(
    readonly graph: CommitGraph,
    prior: Float64Array,
  ) {
    this.#weights = Float64Array.from(prior);
    this.#flags = Uint8Array.from(prior, (weight) => (weight > 0 ? 1 : 0));
    this.#count = this.#flags.reduce((sum, flag) => sum + flag, 0);
  }

  get weights(): Float64Array {
    return this.#weights;
  }

  get remaining(): number {
    return this.#count;
  }

  get bits(): number {
    return entropyOf(this.#weights);
  }

  probability(commit: CommitIndex): { new: number; old: number } {
    const total = this.#weights.reduce((sum, weight) => sum + weight, 0);
    const share = ancestorWeight(this.graph, this.#weights, commit) / total;
    return { new: share, old: 1 - share };
  }

  observe(commit: CommitIndex, reading: 'old' | 'new'): void {
    const ancestors = ancestorsOf(this.graph, commit);
    if (!this.#keep((candidate) => (ancestors[candidate] === 1) === (reading === 'new'))) {
      this.contradicted = true;
    }
  }

  settle(commit: CommitIndex, reading: 'old' | 'new'): void {
    this.observe(commit, reading);
  }

  equate(one: CommitIndex, other: CommitIndex): void {
    const ofOne = ancestorsOf(this.graph, one);
    const ofOther = ancestorsOf(this.graph, other);
    this.#keep((candidate) => ofOne[candidate] === ofOther[candidate]);
  }

  conclusion(): Verdictless {
    if (this.#count > 1) return { kind: 'searching' };
    return { kind: 'found', culprit: this.#flags.indexOf(1), confidence: 1 };
  }

  unresolved(): Unresolved {
    return { flags: this.#flags, count: this.#count, confidence: 1 };
  }

  futile(tests: readonly CommitIndex[]): CommitIndex[] {
    const splits = splitting(this.graph, this.#flags, this.#count, tests);
    return tests.filter((_, place) => splits[place] === false);
  }

  foresee(): { ancestors: Ancestors; foresight: Partition } {
    const hypotheses = drawHypotheses(this.#weights, hypothesisLimit(this.graph.size));
    const ancestors = new Ancestors(this.graph, hypotheses);
    return { ancestors, foresight: new Partition(hypotheses, ancestors) };
  }

  /** False when none would stay; all do then. */
  #keep(stays: (candidate: CommitIndex) => boolean): boolean {
    const left = this.#flags.map((flag, candidate) => (flag === 1 && stays(candidate) ? 1 : 0));
    const count = left.reduce((sum, flag) => sum + flag, 0);
    if (count === 0) return false;
    this.#flags.set(left);
    this.#count = count;
    for (let commit = 0; commit < left.length; commit++) if (left[commit] === 0) this.#weights[commit] = 0;
    return true;
  }
}
