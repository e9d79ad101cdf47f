import type { CommitId } from '@kbisect/shared/ids';
import type { Prediction } from './prediction.js';

/** The share of the predicted builds that are done all the same, to see that the images come out as predicted. */
export class Audit {
  /** @param rate from 0 to 1 */
  constructor(
    private readonly prediction: Prediction,
    private readonly rate: number,
  ) {}

  /** Commits that are still to be built; a class of which none is built needs one more, to be compared with. */
  pending(): CommitId[] {
    return this.prediction.groups().flatMap((group) => {
      const picked = new Set(group.filter((commit) => this.#isPicked(commit)));
      if (picked.size === 0) return [];
      const compared = new Set(group.filter((commit) => picked.has(commit) || this.#isBuilt(commit)));
      const another = group.find((commit) => !compared.has(commit));
      if (compared.size < 2 && another !== undefined) picked.add(another);
      return [...picked].filter((commit) => !this.#isBuilt(commit));
    });
  }

  /** How many predictions were compared with a build. */
  get done(): number {
    return this.prediction
      .groups()
      .reduce(
        (sum, group) => sum + Math.max(0, group.filter((commit) => this.#isBuilt(commit)).length - 1),
        0,
      );
  }

  #isBuilt(commit: CommitId): boolean {
    return this.prediction.builds.of(commit)?.predicted === false;
  }

  /** A commit's id is chance enough, and the same whenever it is asked. */
  #isPicked(commit: CommitId): boolean {
    return parseInt(commit.slice(0, 8), 16) < this.rate * 2 ** 32;
  }
}
