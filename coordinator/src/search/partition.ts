import { ByteSums, splitCell, wholeCell, type Cell } from './cells.js';
import { binaryEntropy, type Foresight } from './entropy.js';
import type { CommitIndex } from './graph.js';
import type { Ancestors, Hypotheses } from './hypotheses.js';

/** Tests that never err: their verdicts part the hypotheses, and a further test gains what it parts again. */
export class Partition implements Foresight {
  readonly #ancestors: Ancestors;
  readonly #shares: ByteSums;
  #cells: { readonly cell: Cell; readonly share: number }[];

  constructor(hypotheses: Hypotheses, ancestors: Ancestors) {
    this.#ancestors = ancestors;
    this.#shares = new ByteSums(hypotheses.shares, ancestors.width);
    this.#cells = [{ cell: wholeCell(hypotheses, ancestors.width), share: 1 }];
  }

  gain(commit: CommitIndex): number {
    let bits = 0;
    for (const { cell, share } of this.#cells) {
      bits += share * binaryEntropy(this.#shares.inside(this.#ancestors, commit, cell) / share);
    }
    return bits;
  }

  add(commit: CommitIndex): void {
    this.#cells = this.#cells.flatMap(({ cell }) => {
      const { inside, outside } = splitCell(cell, this.#ancestors, commit);
      return [inside, outside]
        .filter(({ positions }) => positions.length > 0)
        .map((part) => ({ cell: part, share: this.#shares.all(part) }));
    });
  }
}
