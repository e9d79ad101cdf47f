/** How often trials fail, as a Beta distribution before any trial: `fails` and `passes` as if seen before. */
export interface BetaPrior {
  readonly fails: number;
  readonly passes: number;
}

/** Logarithms of rising factorials a (a+1) ... (a+k-1), remembered. */
class RisingFactorials {
  readonly #logs = [0];

  constructor(readonly base: number) {}

  log(count: number): number {
    while (this.#logs.length <= count) {
      const last = this.#logs.length - 1;
      this.#logs.push(this.#logs[last]! + Math.log(this.base + last));
    }
    return this.#logs[count]!;
  }
}

/** Trials with a failure rate that is unknown but for its prior: the Beta-Bernoulli model. */
export class BetaBernoulli {
  readonly #fails: RisingFactorials;
  readonly #passes: RisingFactorials;
  readonly #trials: RisingFactorials;

  constructor(readonly prior: BetaPrior) {
    this.#fails = new RisingFactorials(prior.fails);
    this.#passes = new RisingFactorials(prior.passes);
    this.#trials = new RisingFactorials(prior.fails + prior.passes);
  }

  /** The logarithm of the probability of just this sequence of outcomes, over all rates. */
  logLikelihood(fails: number, passes: number): number {
    return this.#fails.log(fails) + this.#passes.log(passes) - this.#trials.log(fails + passes);
  }

  /** The probability that the next trial fails. */
  nextFails(fails: number, passes: number): number {
    const { prior } = this;
    return (prior.fails + fails) / (prior.fails + prior.passes + fails + passes);
  }
}
