import { OLD_END, type CommitIndex } from '../search/graph.js';
import type { Reading } from '../search/search.js';
import { seededRandom } from '../search/random.js';

/** The farm and the bug of a simulation. */
export interface FarmModel {
  readonly agents: number;
  /** Mean seconds of a build, and their standard deviation as a share of it (log-normal). */
  readonly buildSeconds: number;
  readonly spread: number;
  readonly trialSeconds: number;
  /** How often a trial of a new commit passes, and one of an old commit fails. */
  readonly miss: number;
  readonly falseAlarm: number;
  /** The share of commits that cannot be tested. */
  readonly skipRate: number;
  /** Tests are started k at a time, and waited for. */
  readonly barrier: boolean;
}

/** How long each commit's build takes and what its trials show, all decided by a seed. */
export class SimulatedTests {
  readonly #trials = new Map<CommitIndex, () => number>();
  readonly #built = new Set<CommitIndex>();

  /**
   * @param isNew a flag per commit: whether the culprit is among its ancestors
   * @param untestable a flag per commit
   */
  constructor(
    readonly model: FarmModel,
    readonly isNew: Uint8Array,
    readonly untestable: Uint8Array,
    readonly seed: number,
  ) {}

  /** Seconds that a test is expected to take: a build, unless its image is in the cache, and a trial. */
  expectedSeconds(commit: CommitIndex): number {
    const { buildSeconds, trialSeconds } = this.model;
    return this.#built.has(commit) ? trialSeconds : buildSeconds + trialSeconds;
  }

  /** Seconds that a test takes that is started now. */
  seconds(commit: CommitIndex): number {
    const { buildSeconds, trialSeconds, spread } = this.model;
    if (this.#built.has(commit)) return trialSeconds;
    const variance = Math.log(1 + spread ** 2);
    const random = seededRandom(Math.imul(this.seed, 0x9e3779b1) ^ Math.imul(commit + 2, 0x85ebca6b));
    return buildSeconds * Math.exp(Math.sqrt(variance) * normal(random) - variance / 2) + trialSeconds;
  }

  /** What the test shows when it ends; its image is in the cache from then on. */
  read(commit: CommitIndex): Reading {
    if (commit !== OLD_END && this.untestable[commit] === 1) return 'skip';
    this.#built.add(commit);
    let random = this.#trials.get(commit);
    if (random === undefined) {
      random = seededRandom(Math.imul(this.seed, 0xc2b2ae35) ^ Math.imul(commit + 2, 0x27d4eb2f));
      this.#trials.set(commit, random);
    }
    const { miss, falseAlarm } = this.model;
    const fails = commit !== OLD_END && this.isNew[commit] === 1 ? 1 - miss : falseAlarm;
    return random() < fails ? 'new' : 'old';
  }
}

/** A draw from the standard normal distribution (Box and Muller). */
function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
