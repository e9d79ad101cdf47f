/** A failure rate that is spread as a Beta distribution: `fails` and `passes` as if seen before. */
export interface BetaPrior {
  /** 0: trials never fail. */
  readonly fails: number;
  /** 0: trials always fail. */
  readonly passes: number;
}

/** What may be believed of a failure rate before any trial, each belief with its share; the shares add up to 1. */
export type RatePrior = readonly (BetaPrior & { readonly share: number })[];

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

/** Trials with a failure rate that is unknown but for its prior: the Beta-Bernoulli model, mixed (Diaconis and Ylvisaker 1985). */
export class BetaBernoulli {
  readonly #parts: readonly {
    readonly logShare: number;
    readonly fails: RisingFactorials;
    readonly passes: RisingFactorials;
    readonly trials: RisingFactorials;
  }[];
  /** What was asked for before, by fails and passes. */
  readonly #logs: number[][] = [];

  constructor(prior: RatePrior) {
    this.#parts = prior.map(({ share, fails, passes }) => ({
      logShare: Math.log(share),
      fails: new RisingFactorials(fails),
      passes: new RisingFactorials(passes),
      trials: new RisingFactorials(fails + passes),
    }));
  }

  /** The logarithm of the probability of just this sequence of outcomes, over all rates. */
  logLikelihood(fails: number, passes: number): number {
    const known = (this.#logs[fails] ??= []);
    return (known[passes] ??= this.#integrate(fails, passes));
  }

  /** The probability that the next trial fails. */
  nextFails(fails: number, passes: number): number {
    return Math.exp(this.logLikelihood(fails + 1, passes) - this.logLikelihood(fails, passes));
  }

  #integrate(fails: number, passes: number): number {
    const logs = this.#parts.map(
      (part) =>
        part.logShare + part.fails.log(fails) + part.passes.log(passes) - part.trials.log(fails + passes),
    );
    const highest = Math.max(...logs);
    return highest + Math.log(logs.reduce((sum, log) => sum + Math.exp(log - highest), 0));
  }
}
