/**
 * The search that git_bayesect makes on straight history, after its description: both failure rates have Jeffreys
 * priors that are integrated out (Beta-Bernoulli), and the commit is tested whose outcome leaves the least entropy.
 * The old end, too, may be the culprit: all commits behave alike then.
 */
export class OneAtATime {
  readonly #failsFrom: Float64Array; // trials of this commit and newer ones
  readonly #passesFrom: Float64Array;
  #fails = 0;
  #passes = 0;
  readonly posterior: Float64Array;

  /** @param size commits, oldest first, of which the first is the old end */
  constructor(readonly size: number) {
    this.#failsFrom = new Float64Array(size);
    this.#passesFrom = new Float64Array(size);
    this.posterior = new Float64Array(size).fill(1 / size);
  }

  observe(commit: number, failed: boolean): void {
    if (failed) this.#fails++;
    else this.#passes++;
    const counts = failed ? this.#failsFrom : this.#passesFrom;
    for (let culprit = 0; culprit <= commit; culprit++) counts[culprit]!++;
    let highest = -Infinity;
    const { posterior } = this;
    for (let culprit = 0; culprit < this.size; culprit++) {
      const [fails, passes] = [this.#failsFrom[culprit]!, this.#passesFrom[culprit]!];
      posterior[culprit] = logBeta(fails, passes) + logBeta(this.#fails - fails, this.#passes - passes);
      highest = Math.max(highest, posterior[culprit]!);
    }
    let total = 0;
    for (let culprit = 0; culprit < this.size; culprit++) {
      posterior[culprit] = Math.exp(posterior[culprit]! - highest);
      total += posterior[culprit]!;
    }
    for (let culprit = 0; culprit < this.size; culprit++) posterior[culprit]! /= total;
  }

  /** The likeliest culprit and how likely it is. */
  get best(): { readonly culprit: number; readonly confidence: number } {
    const confidence = this.posterior.reduce((most, each) => Math.max(most, each), 0);
    return { culprit: this.posterior.indexOf(confidence), confidence };
  }

  /** The commit whose trial is expected to leave the least entropy; of equals the one nearest the middle. */
  choose(): number {
    // For each commit the sums over culprits newer than it (it is old then), and over the others (it is new).
    const fail = new Sums();
    const pass = new Sums();
    for (let culprit = 0; culprit < this.size; culprit++) {
      const { onOld } = this.#rates(culprit);
      fail.add(this.posterior[culprit]! * onOld);
      pass.add(this.posterior[culprit]! * (1 - onOld));
    }
    let best = -1;
    let least = Infinity;
    for (let commit = 0; commit < this.size; commit++) {
      const { onNew, onOld } = this.#rates(commit);
      const weight = this.posterior[commit]!;
      fail.replace(weight * onOld, weight * onNew);
      pass.replace(weight * (1 - onOld), weight * (1 - onNew));
      const left = fail.entropy + pass.entropy;
      const nearer = Math.abs(commit - this.size / 2) < Math.abs(best - this.size / 2);
      if (left < least - 1e-12 || (left < least + 1e-12 && nearer)) [best, least] = [commit, left];
    }
    return best;
  }

  #rates(culprit: number): { readonly onNew: number; readonly onOld: number } {
    const [fails, passes] = [this.#failsFrom[culprit]!, this.#passesFrom[culprit]!];
    const [oldFails, oldPasses] = [this.#fails - fails, this.#passes - passes];
    return {
      onNew: (0.5 + fails) / (1 + fails + passes),
      onOld: (0.5 + oldFails) / (1 + oldFails + oldPasses),
    };
  }
}

/** A sum of weights w and of w log w, from which follows the entropy of the weights times their sum. */
class Sums {
  #weight = 0;
  #logs = 0;

  add(weight: number): void {
    this.#weight += weight;
    this.#logs += wlog(weight);
  }

  replace(weight: number, by: number): void {
    this.#weight += by - weight;
    this.#logs += wlog(by) - wlog(weight);
  }

  get entropy(): number {
    return wlog(this.#weight) - this.#logs;
  }
}

function wlog(weight: number): number {
  return weight > 0 ? weight * Math.log2(weight) : 0;
}

const logs = [0];

/** The logarithm of the Jeffreys-weighted likelihood of so many fails and passes. */
function logBeta(fails: number, passes: number): number {
  return rising(fails) + rising(passes) - logFactorial(fails + passes);
}

/** log of 0.5 * 1.5 * ... (count factors). */
function rising(count: number): number {
  while (logs.length <= count) logs.push(logs.at(-1)! + Math.log(logs.length - 0.5));
  return logs[count]!;
}

const factorials = [0];

function logFactorial(count: number): number {
  while (factorials.length <= count) factorials.push(factorials.at(-1)! + Math.log(factorials.length));
  return factorials[count]!;
}
