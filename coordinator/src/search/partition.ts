import { ByteSums, splitCell, wholeCell, type Cell } from './cells.js';
import { binaryEntropy, type Exchange, type Foresight } from './entropy.js';
import type { CommitIndex } from './graph.js';
import type { Ancestors, Hypotheses } from './hypotheses.js';
import { expectedDepth } from './rounds.js';

/** Tests that never err: their verdicts part the hypotheses, and a further test gains what it parts again. */
export class Partition implements Foresight, Exchange {
  readonly hypotheses: number;
  readonly #ancestors: Ancestors;
  readonly #shares: ByteSums;
  /** Of each share w, w log w: of them a cell's entropy is made. */
  readonly #logs: ByteSums;
  readonly #whole: Cell;
  #tests: CommitIndex[] = [];
  #cells: { readonly cell: Cell; readonly share: number }[];

  constructor(hypotheses: Hypotheses, ancestors: Ancestors) {
    this.hypotheses = hypotheses.culprits.length;
    this.#ancestors = ancestors;
    this.#shares = new ByteSums(hypotheses.shares, ancestors.width);
    this.#logs = new ByteSums(
      hypotheses.shares.map((share) => share * Math.log2(share)),
      ancestors.width,
    );
    this.#whole = wholeCell(hypotheses, ancestors.width);
    this.#cells = [{ cell: this.#whole, share: 1 }];
  }

  get exchange(): Exchange {
    return this;
  }

  gain(commit: CommitIndex): number {
    let bits = 0;
    for (const { cell, share } of this.#cells) {
      bits += share * binaryEntropy(this.#shares.inside(this.#ancestors, commit, cell) / share);
    }
    return bits;
  }

  add(commit: CommitIndex): void {
    this.#tests.push(commit);
    this.#cells = this.#cells.flatMap(({ cell }) => {
      const { inside, outside } = splitCell(cell, this.#ancestors, commit);
      return [inside, outside]
        .filter(({ positions }) => positions.length > 0)
        .map((part) => ({ cell: part, share: this.#shares.all(part) }));
    });
  }

  remove(commit: CommitIndex): void {
    const others = this.#tests.filter((test) => test !== commit);
    this.#tests = [];
    this.#cells = [{ cell: this.#whole, share: 1 }];
    for (const test of others) this.add(test);
  }

  roundsAfter(commit: CommitIndex, slots: number): number {
    const rounds = (share: number, logs: number) =>
      share < 1e-12 ? 0 : share * expectedDepth(2 ** (Math.log2(share) - logs / share), slots + 1);
    let sum = 0;
    for (const { cell, share } of this.#cells) {
      const logs = this.#logs.all(cell);
      const inside = this.#shares.inside(this.#ancestors, commit, cell);
      const logsInside = this.#logs.inside(this.#ancestors, commit, cell);
      sum += rounds(inside, logsInside) + rounds(share - inside, logs - logsInside);
    }
    return sum;
  }
}
