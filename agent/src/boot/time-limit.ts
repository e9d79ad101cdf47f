/** What a guest gets in any case: a machine may be busy with other boots and builds. */
const LEAST_MS = 20_000;

/**
 * When a boot has taken too long. The limit starts at four times what the old end took, and grows with each sign of life to
 * twice the time that has gone by, up to the longest that the job allows: a dead guest is given up early, a slow one is not.
 */
export class TimeLimit {
  #limit: number;

  /**
   * @param longest milliseconds that the job allows
   * @param usual what the old end took; undefined gives the longest at once
   */
  constructor(
    private readonly longest: number,
    usual: number | undefined,
  ) {
    this.#limit = usual === undefined ? longest : Math.min(longest, Math.max(LEAST_MS, 4 * usual));
  }

  /** Milliseconds after the start. */
  get at(): number {
    return this.#limit;
  }

  /** The guest has said something, `elapsed` milliseconds after the start. */
  alive(elapsed: number): void {
    this.#limit = Math.min(this.longest, Math.max(this.#limit, 2 * elapsed));
  }
}
