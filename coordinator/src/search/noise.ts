import { ancestorsOf } from './ancestry.js';
import { BetaBernoulli, type BetaPrior } from './beta.js';
import { OLD_END, type CommitGraph, type CommitIndex } from './graph.js';

/** What is believed of failures before any trial. */
export interface NoiseModel {
  /** Of new commits: nothing at all by default. */
  readonly onNew: BetaPrior;
  /** Of old commits: one in ten fails, as if ten were seen. A belief that is sharper near 0 is too sure too soon. */
  readonly onOld: BetaPrior;
  /** How likely no commit did it, and old and new fail alike. */
  readonly flake: number;
}

/** Logarithm of the likelihood beside the highest from which on a culprit is as good as ruled out. */
const NEGLIGIBLE = -40;

export const DEFAULT_NOISE: NoiseModel = {
  onNew: { fails: 1, passes: 1 },
  onOld: { fails: 1, passes: 9 },
  flake: 0.02,
};

/**
 * The posterior of culprits under trials that may miss the bug or raise a false alarm, at rates that are learned
 * as the trials come: under each hypothesis its own, integrated out. One more hypothesis is that no commit did it.
 */
export class NoisyPosterior {
  /** How likely each commit is the culprit. */
  readonly weights: Float64Array;
  /** How likely no commit did it. */
  flake: number;
  readonly #onNew: BetaBernoulli;
  readonly #onOld: BetaBernoulli;
  /** Under the flake hypothesis all trials are of one rate, of which nothing is known. */
  readonly #alike = new BetaBernoulli({ fails: 1, passes: 1 });
  readonly #logPrior: Float64Array;
  readonly #flakePrior: number;
  /** Trials of each commit's descendants (itself included): of new commits, if it is the culprit. */
  readonly #fails: Int32Array;
  readonly #passes: Int32Array;
  #allFails = 0;
  #allPasses = 0;

  /** @param prior how likely each commit is the culprit, in any unit */
  constructor(
    readonly graph: CommitGraph,
    prior: Float64Array,
    model: NoiseModel,
  ) {
    this.#logPrior = prior.map(Math.log);
    this.#flakePrior = model.flake * prior.reduce((sum, weight) => sum + weight, 0);
    this.#onNew = new BetaBernoulli(model.onNew);
    this.#onOld = new BetaBernoulli(model.onOld);
    this.#fails = new Int32Array(graph.size);
    this.#passes = new Int32Array(graph.size);
    this.weights = new Float64Array(graph.size);
    this.flake = 0;
    this.#weigh();
  }

  /** Takes in one trial of a commit of the range, or of the old end. */
  observe(commit: CommitIndex, failed: boolean): void {
    if (failed) this.#allFails++;
    else this.#allPasses++;
    if (commit !== OLD_END) {
      const ancestors = ancestorsOf(this.graph, commit);
      const counts = failed ? this.#fails : this.#passes;
      for (let culprit = 0; culprit <= commit; culprit++) counts[culprit]! += ancestors[culprit]!;
    }
    this.#weigh();
  }

  /** Rules out every culprit that one commit has among its ancestors and the other has not. */
  equate(one: CommitIndex, other: CommitIndex): void {
    const ofOne = ancestorsOf(this.graph, one);
    const ofOther = ancestorsOf(this.graph, other);
    this.#keep((culprit) => ofOne[culprit] === ofOther[culprit]);
  }

  /** Rules out every culprit with which the commit would be something else. */
  settle(commit: CommitIndex, isNew: boolean): void {
    const ancestors = ancestorsOf(this.graph, commit);
    this.#keep((culprit) => (ancestors[culprit] === 1) === isNew);
  }

  /** How likely a trial of a new commit fails, if this commit is the culprit. */
  failsOnNew(culprit: CommitIndex): number {
    return this.#onNew.nextFails(this.#fails[culprit]!, this.#passes[culprit]!);
  }

  failsOnOld(culprit: CommitIndex): number {
    return this.#onOld.nextFails(
      this.#allFails - this.#fails[culprit]!,
      this.#allPasses - this.#passes[culprit]!,
    );
  }

  /** How likely any trial fails, if no commit did it. */
  get failsAlike(): number {
    return this.#alike.nextFails(this.#allFails, this.#allPasses);
  }

  /** What would leave no culprit contradicts what was known before, which stands. */
  #keep(stays: (culprit: CommitIndex) => boolean): void {
    const left = this.#logPrior.map((log, culprit) => (stays(culprit) ? log : -Infinity));
    if (left.every((log) => log === -Infinity)) return;
    this.#logPrior.set(left);
    this.#weigh();
  }

  #weigh(): void {
    const { weights } = this;
    const flakeLog = Math.log(this.#flakePrior) + this.#alike.logLikelihood(this.#allFails, this.#allPasses);
    let highest = flakeLog;
    for (let culprit = 0; culprit < weights.length; culprit++) {
      const fails = this.#fails[culprit]!;
      const passes = this.#passes[culprit]!;
      weights[culprit] =
        this.#logPrior[culprit]! +
        this.#onNew.logLikelihood(fails, passes) +
        this.#onOld.logLikelihood(this.#allFails - fails, this.#allPasses - passes);
      if (weights[culprit]! > highest) highest = weights[culprit]!;
    }
    let total = Math.exp(flakeLog - highest);
    for (let culprit = 0; culprit < weights.length; culprit++) {
      const below = weights[culprit]! - highest;
      weights[culprit] = below < NEGLIGIBLE ? 0 : Math.exp(below);
      total += weights[culprit]!;
    }
    for (let culprit = 0; culprit < weights.length; culprit++) weights[culprit]! /= total;
    this.flake = Math.exp(flakeLog - highest) / total;
  }
}
