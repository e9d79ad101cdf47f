import type { Logger } from 'pino';
import type { Clock } from '@kbisect/shared/clock';
import { KbisectError } from '@kbisect/shared/errors';
import { Backoff } from './backoff.js';

/**
 * Outlasts a coordinator that is away, or whose disk is full: what an agent has built is not thrown away for that, and
 * it says nothing of the commit.
 */
export class Patience {
  constructor(
    private readonly clock: Clock,
    private readonly log: Logger,
  ) {}

  /**
   * Attempts again, with back-off, until it succeeds, fails for another reason, or the signal is aborted.
   * @throws whatever the attempt throws, but for `unavailable` and `resource-exhausted`
   */
  async until<T>(attempt: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const backoff = new Backoff();
    for (;;) {
      signal.throwIfAborted();
      try {
        return await attempt();
      } catch (error) {
        if (!isPassing(error)) throw error;
        this.log.warn({ reason: error.message }, 'the coordinator cannot serve just now; trying again');
      }
      await this.clock.sleep(backoff.next(), signal);
    }
  }
}

function isPassing(error: unknown): error is KbisectError {
  return (
    error instanceof KbisectError && (error.code === 'unavailable' || error.code === 'resource-exhausted')
  );
}
