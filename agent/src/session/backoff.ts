const FIRST_MS = 250;
const LAST_MS = 3000;

/** Waits between attempts to connect: they double up to three seconds, and differ a little from agent to agent. */
export class Backoff {
  #waitMs = FIRST_MS;

  /** @param random gives numbers in [0, 1) */
  constructor(private readonly random: () => number = Math.random) {}

  /** Milliseconds to wait before the next attempt. */
  next(): number {
    const wait = this.#waitMs * (0.75 + this.random() / 2);
    this.#waitMs = Math.min(LAST_MS, this.#waitMs * 2);
    return wait;
  }

  /** The last attempt succeeded. */
  reset(): void {
    this.#waitMs = FIRST_MS;
  }
}
