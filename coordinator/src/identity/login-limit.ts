import { KbisectError } from '@kbisect/shared/errors';

const MAX_FAILURES = 10;
const WINDOW_MS = 60_000;
/** Of addresses that are remembered; more at a time share what is left. */
const MAX_ADDRESSES = 10_000;

/** Slows down who tries tokens: after ten failures within a minute an address waits for the next minute. */
export class LoginLimit {
  #failures = new Map<string, number>();
  #windowEnds = 0;

  constructor(private readonly now: () => number) {}

  /**
   * Makes an attempt.
   * @throws KbisectError `resource-exhausted` without making it, when there were too many; and what the attempt throws
   */
  async attempt<Result>(address: string, make: () => Promise<Result>): Promise<Result> {
    const now = this.now();
    if (now >= this.#windowEnds) {
      this.#failures = new Map();
      this.#windowEnds = now + WINDOW_MS;
    }
    const key = this.#failures.size < MAX_ADDRESSES || this.#failures.has(address) ? address : '';
    const failures = this.#failures.get(key) ?? 0;
    if (failures >= MAX_FAILURES) {
      throw new KbisectError('resource-exhausted', 'too many wrong tokens from this address; wait a minute');
    }
    // Counted before it is known to have failed: attempts side by side are no way around.
    this.#failures.set(key, failures + 1);
    const result = await make();
    this.#failures.set(key, (this.#failures.get(key) ?? 1) - 1);
    return result;
  }
}
