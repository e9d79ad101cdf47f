import { ByteSums, splitCell, wholeCell, type Cell } from './cells.js';
import { binaryEntropy, type Exchange, type Foresight } from './entropy.js';
import type { CommitIndex } from './graph.js';
import type { Ancestors, Hypotheses } from './hypotheses.js';
import { expectedDepth } from './rounds.js';

/** A cell, its share of the hypotheses, and what is known of it once it was asked for. */
interface Part {
  readonly cell: Cell;
  readonly share: number;
  logs?: number;
  /** Rounds of so many tests that are expected of it, times its share, if no further test parts it. */
  rounds?: { readonly slots: number; readonly expected: number };
}

/** Tests that never err: their verdicts part the hypotheses, and a further test gains what it parts again. */
export class Partition implements Foresight, Exchange {
  readonly hypotheses: number;
  readonly #ancestors: Ancestors;
  readonly #shares: ByteSums;
  readonly #hypotheses: Hypotheses;
  /** Of each share w, w log w: of them a cell's entropy is made. Where tests are exchanged. */
  #logSums: ByteSums | undefined;
  readonly #whole: Cell;
  #tests: CommitIndex[] = [];
  #cells: Part[];

  constructor(hypotheses: Hypotheses, ancestors: Ancestors) {
    this.hypotheses = hypotheses.culprits.length;
    this.#hypotheses = hypotheses;
    this.#ancestors = ancestors;
    this.#shares = new ByteSums(hypotheses.shares, ancestors.width);
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
    let sum = 0;
    for (const part of this.#cells) {
      const { cell, share } = part;
      const inside = this.#shares.inside(this.#ancestors, commit, cell);
      const isParted = inside >= NOTHING && share - inside >= NOTHING;
      const logs = (part.logs ??= this.#logs.all(cell));
      if (!isParted) {
        if (part.rounds?.slots !== slots) part.rounds = { slots, expected: roundsOf(share, logs, slots) };
        sum += part.rounds.expected;
      } else {
        const logsInside = this.#logs.inside(this.#ancestors, commit, cell);
        sum += roundsOf(inside, logsInside, slots) + roundsOf(share - inside, logs - logsInside, slots);
      }
    }
    return sum;
  }

  get #logs(): ByteSums {
    const { shares } = this.#hypotheses;
    return (this.#logSums ??= new ByteSums(
      shares.map((share) => share * Math.log2(share)),
      this.#ancestors.width,
    ));
  }
}

/** A share below this is what the arithmetic leaves of none. */
const NOTHING = 1e-12;

/** Rounds that are to be expected of hypotheses with such a share and such a sum of w log w, times the share. */
function roundsOf(share: number, logs: number, slots: number): number {
  return share < NOTHING ? 0 : share * expectedDepth(2 ** (Math.log2(share) - logs / share), slots + 1);
}
