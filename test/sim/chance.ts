import { seededRandom } from '@kbisect/coordinator/search/random';

/** All chance in a simulated world, from one seed. */
export class Chance {
  readonly #random: () => number;

  constructor(seed: number) {
    this.#random = seededRandom(Math.imul(seed, 0x9e3779b1) ^ 0x5bd1e995);
  }

  happens(probability: number): boolean {
    return this.#random() < probability;
  }

  between(low: number, high: number): number {
    return low + (high - low) * this.#random();
  }

  /** A whole number from `low` to `high`, both included. */
  whole(low: number, high: number): number {
    return low + Math.floor(this.#random() * (high - low + 1));
  }

  oneOf<T>(items: readonly T[]): T {
    const item = items[Math.floor(this.#random() * items.length)];
    if (item === undefined) throw new Error('one of nothing');
    return item;
  }

  /** Time until the next of events that come `mean` apart on average. */
  wait(mean: number): number {
    return -mean * Math.log(1 - this.#random());
  }
}
