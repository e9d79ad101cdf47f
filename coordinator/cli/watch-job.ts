import type { Clock } from '@kbisect/shared/clock';
import { KbisectError } from '@kbisect/shared/errors';
import type { FarmClient, WatchResponse } from '@kbisect/shared/gen/kbisect/v1/farm';
import { fromStatus } from '@kbisect/shared/status';
import { toldApart, type Told } from '../src/report/told-apart.js';

const FIRST_WAIT_MS = 250;
const LAST_WAIT_MS = 5000;

/** What a watcher sees: what the coordinator tells, one by one, and that it was lost for a while. */
export type WatchMessage = Told | { readonly $case: 'lost'; readonly reason: string };

/**
 * Follows a job from its first event to its last. When the stream breaks it is taken up again, with growing waits,
 * for as long as it takes; events that were seen already are not given again.
 * @throws KbisectError `cancelled` when the signal is aborted, `not-found` when there is no such job
 */
export async function* watchJob(
  farm: Pick<FarmClient, 'watch'>,
  job: string,
  clock: Clock,
  signal: AbortSignal,
): AsyncGenerator<WatchMessage> {
  let seen = 0;
  let waitMs = FIRST_WAIT_MS;
  for (;;) {
    signal.throwIfAborted();
    const stream = farm.watch({ job, together: true });
    stream.on('error', () => undefined); // seen by the loop; after it, nobody's concern
    const hangUp = () => stream.cancel();
    signal.addEventListener('abort', hangUp, { once: true });
    let reason = 'the coordinator ended the stream';
    let replayed = 0;
    try {
      for await (const { kind } of stream as AsyncIterable<WatchResponse>) {
        waitMs = FIRST_WAIT_MS;
        if (kind === undefined) continue; // a message of a later version
        for (const message of toldApart(kind)) {
          if (message.$case === 'event') {
            replayed += 1;
            if (replayed <= seen) continue;
            seen = replayed;
          }
          yield message;
          if (message.$case === 'event' && message.value.fact?.$case === 'ended') return;
        }
      }
    } catch (thrown) {
      signal.throwIfAborted();
      const error = fromStatus(thrown);
      if (!isPassing(error)) throw error;
      reason = error.message;
    } finally {
      signal.removeEventListener('abort', hangUp);
      stream.cancel();
    }
    yield { $case: 'lost', reason };
    await clock.sleep(waitMs, signal).catch(() => undefined);
    waitMs = Math.min(LAST_WAIT_MS, waitMs * 2);
  }
}

/** Whether a broken stream may be whole again when it is asked for anew. */
function isPassing(error: Error): boolean {
  return error instanceof KbisectError && (error.code === 'unavailable' || error.code === 'cancelled');
}
