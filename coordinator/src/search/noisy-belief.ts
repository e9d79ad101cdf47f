import { ancestorWeight } from './ancestry.js';
import { entropyOf, type Belief, type Unresolved, type Verdictless } from './belief.js';
import { binaryEntropy } from './entropy.js';
import { OLD_END, type CommitGraph, type CommitIndex } from './graph.js';
import { Ancestors, drawHypotheses, NO_COMMIT, type Hypotheses } from './hypotheses.js';
import { NoisyPosterior, type NoiseModel } from './noise.js';
import { NoisyPartition } from './noisy-partition.js';
import type { RandomSource } from './random.js';

/** How many hypotheses stand for the posterior; those that have grown likely always stand for themselves. */
const HYPOTHESES = 256;

/** What trials that may err leave of a range, and when it is enough to name a culprit. */
export class NoisyBelief implements Belief {
  readonly contradicted = false;
  readonly #posterior: NoisyPosterior;

  /** @param confidence how likely a conclusion has to be before it is drawn, in (0, 1) */
  constructor(
    readonly graph: CommitGraph,
    prior: Float64Array,
    model: NoiseModel,
    readonly confidence: number,
  ) {
    this.#posterior = new NoisyPosterior(graph, prior, model);
  }

  get weights(): Float64Array {
    return this.#posterior.weights;
  }

  /** Commits without which the others could not be as likely as a conclusion has to be. */
  get remaining(): number {
    return this.unresolved().count;
  }

  get bits(): number {
    return entropyOf(this.#posterior.weights);
  }

  get bitsPerTest(): number {
    const best = this.#likeliest();
    const onNew = this.#posterior.failsOnNew(best);
    const onOld = this.#posterior.failsOnOld(best);
    const noise = (binaryEntropy(onNew) + binaryEntropy(onOld)) / 2;
    return Math.max(0.01, binaryEntropy((onNew + onOld) / 2) - noise);
  }

  probability(commit: CommitIndex): { new: number; old: number } {
    const { weights, flake } = this.#posterior;
    const onNew = ancestorWeight(this.graph, weights, commit);
    return { new: onNew, old: 1 - flake - onNew };
  }

  observe(commit: CommitIndex, reading: 'old' | 'new'): void {
    this.#posterior.observe(commit, reading === 'new');
  }

  settle(commit: CommitIndex, reading: 'old' | 'new'): void {
    this.#posterior.settle(commit, reading === 'new');
  }

  equate(one: CommitIndex, other: CommitIndex): void {
    this.#posterior.equate(one, other);
  }

  conclusion(): Verdictless {
    const { flake, weights } = this.#posterior;
    if (flake >= this.confidence) return { kind: 'flake', confidence: flake };
    const culprit = this.#likeliest();
    const confidence = weights[culprit]!;
    return confidence >= this.confidence ? { kind: 'found', culprit, confidence } : { kind: 'searching' };
  }

  unresolved(): Unresolved {
    const { weights } = this.#posterior;
    const sorted = Float64Array.from(weights).sort();
    let mass = 0;
    let least = sorted.length;
    while (least > 0 && mass < this.confidence && sorted[least - 1]! > 0) mass += sorted[--least]!;
    // All that are as likely as the last one: what no test can tell apart stays together.
    const threshold = sorted[least] ?? 0;
    let [count, confidence] = [0, 0];
    const flags = Uint8Array.from(weights, (weight) => {
      if (weight === 0 || weight < threshold * (1 - 1e-9)) return 0;
      count++;
      confidence += weight;
      return 1;
    });
    return { flags, count, confidence };
  }

  futile(tests: readonly CommitIndex[]): CommitIndex[] {
    if (this.conclusion().kind !== 'searching') return [...tests];
    const { weights, flake } = this.#posterior;
    const little = this.#little;
    return tests.filter((commit) => {
      if (commit === OLD_END) return false;
      const onNew = ancestorWeight(this.graph, weights, commit);
      return flake < little && (onNew < little || onNew > 1 - little);
    });
  }

  foresee(random: RandomSource): { ancestors: Ancestors; foresight: NoisyPartition } {
    const { weights, flake, failsAlike } = this.#posterior;
    const drawn = drawHypotheses(weights, HYPOTHESES);
    const hypotheses: Hypotheses = {
      culprits: Int32Array.of(...drawn.culprits, NO_COMMIT),
      shares: Float64Array.of(...drawn.shares.map((share) => share * (1 - flake)), flake),
    };
    const rates = (rate: (culprit: CommitIndex) => number) =>
      Float64Array.from(hypotheses.culprits, (culprit) =>
        culprit === NO_COMMIT ? failsAlike : rate(culprit),
      );
    const ancestors = new Ancestors(this.graph, hypotheses);
    const foresight = new NoisyPartition(
      hypotheses,
      {
        onNew: rates((culprit) => this.#posterior.failsOnNew(culprit)),
        onOld: rates((culprit) => this.#posterior.failsOnOld(culprit)),
      },
      ancestors,
      random,
      flake < this.#little ? this.#little : 0,
    );
    return { ancestors, foresight };
  }

  /** What is less likely than this may be left out. */
  get #little(): number {
    return (1 - this.confidence) / 10;
  }

  #likeliest(): CommitIndex {
    const { weights } = this.#posterior;
    let best = 0;
    for (let commit = 1; commit < weights.length; commit++)
      if (weights[commit]! > weights[best]!) best = commit;
    return best;
  }
}
