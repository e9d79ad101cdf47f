import { ByteSums, splitCell, wholeCell, type Cell } from './cells.js';
import { binaryEntropy, type Foresight } from './entropy.js';
import { OLD_END, type CommitIndex } from './graph.js';
import type { Ancestors, Hypotheses } from './hypotheses.js';
import type { RandomSource } from './random.js';

/** How likely a trial fails, if the hypothesis is true: on new commits and on old ones. */
export interface FailureRates {
  readonly onNew: Float64Array;
  readonly onOld: Float64Array;
}

/** Ways in which the tests in flight may end; beyond so many they are drawn at random. */
const SCENARIOS = 64;

/** A way in which the tests added may end, and what it makes of the cells. */
interface Scenario {
  readonly probability: number;
  /** Of each cell, given this end. */
  readonly cells: Float64Array;
}

interface KnownCell {
  readonly cell: Cell;
  readonly share: number;
  /** Share-weighted sums over the cell, as if the next commit were old under each hypothesis. */
  readonly failing: number;
  readonly noise: number;
  /** How likely the trials of each test added fail. */
  readonly rates: readonly number[];
}

/**
 * Tests whose single trials may miss the bug or raise a false alarm. A test gains the mutual information of its
 * outcome and the hypothesis, averaged over how the tests added before may end.
 */
export class NoisyPartition implements Foresight {
  readonly #ancestors: Ancestors;
  readonly #random: RandomSource;
  readonly #little: number;
  readonly #shares: ByteSums;
  /** Failure probability and its entropy, share-weighted: of an old commit, and what more a new one has. */
  readonly #failing: ByteSums;
  readonly #noise: ByteSums;
  readonly #failingMore: ByteSums;
  readonly #noiseMore: ByteSums;
  readonly #meanNew: number;
  readonly #meanOld: number;
  readonly #whole: Cell;
  #cells: KnownCell[];
  #scenarios: Scenario[] = [{ probability: 1, cells: Float64Array.of(1) }];

  /** @param little how unlikely new or old a commit is that is not worth a test; the old end does as well to learn rates */
  constructor(
    hypotheses: Hypotheses,
    rates: FailureRates,
    ancestors: Ancestors,
    random: RandomSource,
    little: number,
  ) {
    const { shares } = hypotheses;
    const { onNew, onOld } = rates;
    const table = (value: (place: number) => number) =>
      new ByteSums(
        shares.map((share, place) => share * value(place)),
        ancestors.width,
      );
    const entropyNew = onNew.map(binaryEntropy);
    const entropyOld = onOld.map(binaryEntropy);
    this.#ancestors = ancestors;
    this.#random = random;
    this.#little = little;
    this.#shares = new ByteSums(shares, ancestors.width);
    this.#failing = table((place) => onOld[place]!);
    this.#noise = table((place) => entropyOld[place]!);
    this.#failingMore = table((place) => onNew[place]! - onOld[place]!);
    this.#noiseMore = table((place) => entropyNew[place]! - entropyOld[place]!);
    this.#meanNew = shares.reduce((sum, share, place) => sum + share * onNew[place]!, 0);
    this.#meanOld = shares.reduce((sum, share, place) => sum + share * onOld[place]!, 0);
    this.#whole = wholeCell(hypotheses, ancestors.width);
    this.#cells = [this.#known(this.#whole, [])];
  }

  gain(commit: CommitIndex): number {
    if (commit !== OLD_END && this.#isSure(commit)) return 0;
    let noise = 0;
    const failing = this.#cells.map((known) => {
      noise += known.noise + this.#noiseMore.inside(this.#ancestors, commit, known.cell);
      return (known.failing + this.#failingMore.inside(this.#ancestors, commit, known.cell)) / known.share;
    });
    let entropy = 0;
    for (const { probability, cells } of this.#scenarios) {
      let fails = 0;
      for (let place = 0; place < cells.length; place++) fails += cells[place]! * failing[place]!;
      entropy += probability * binaryEntropy(fails);
    }
    return entropy - noise;
  }

  add(commit: CommitIndex): void {
    this.#cells = this.#cells.flatMap(({ cell, rates }) => {
      const { inside, outside } = splitCell(cell, this.#ancestors, commit);
      return [
        this.#known(inside, [...rates, this.#meanNew]),
        this.#known(outside, [...rates, this.#meanOld]),
      ].filter(({ share }) => share > 0);
    });
    this.#scenarios = this.#foresee();
  }

  #isSure(commit: CommitIndex): boolean {
    const onNew = this.#shares.inside(this.#ancestors, commit, this.#whole);
    return onNew < this.#little || onNew > 1 - this.#little;
  }

  #known(cell: Cell, rates: readonly number[]): KnownCell {
    return {
      cell,
      share: this.#shares.all(cell),
      failing: this.#failing.all(cell),
      noise: this.#noise.all(cell),
      rates,
    };
  }

  #foresee(): Scenario[] {
    const tests = this.#cells[0]?.rates.length ?? 0;
    const all = 2 ** tests <= SCENARIOS;
    const scenarios: Scenario[] = [];
    for (let number = 0; number < (all ? 2 ** tests : SCENARIOS); number++) {
      const fails = all
        ? Array.from({ length: tests }, (_, test) => (number >> test) % 2 === 1)
        : this.#drawOutcomes();
      const cells = Float64Array.from(this.#cells, ({ share, rates }) =>
        rates.reduce((product, rate, test) => product * (fails[test] ? rate : 1 - rate), share),
      );
      const total = cells.reduce((sum, value) => sum + value, 0);
      if (total < 1e-9) continue;
      scenarios.push({
        probability: all ? total : 1 / SCENARIOS,
        cells: cells.map((value) => value / total),
      });
    }
    return scenarios;
  }

  #drawOutcomes(): boolean[] {
    let rest = this.#random();
    const drawn = this.#cells.find(({ share }) => (rest -= share) < 0) ?? this.#cells[0];
    return (drawn?.rates ?? []).map((rate) => this.#random() < rate);
  }
}
