import type { Clock } from '@kbisect/shared/clock';
import { KbisectError } from '@kbisect/shared/errors';
import type {
  FarmClient,
  WatchResponse,
  WatchResponse_Activity,
  WatchResponse_Outlook,
} from '@kbisect/shared/gen/kbisect/v1/farm';
import type { JobEvent } from '@kbisect/shared/gen/kbisect/v1/job';
import { fromStatus } from '@kbisect/shared/status';

const FIRST_WAIT_MS = 250;
const LAST_WAIT_MS = 5000;

/** What a watcher sees: what the coordinator tells, one by one, and that it was lost for a while. */
export type WatchMessage =
  | { readonly $case: 'event'; readonly value: JobEvent }
  | { readonly $case: 'activity'; readonly value: WatchResponse_Activity }
  | { readonly $case: 'outlook'; readonly value: WatchResponse_Outlook }
  | { readonly $case: 'lost'; readonly reason: string };

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
      for await (const response of stream as AsyncIterable<WatchResponse>) {
        waitMs = FIRST_WAIT_MS;
        for (const message of messagesOf(response)) {
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

function messagesOf({ kind }: WatchResponse): WatchMessage[] {
  switch (kind?.$case) {
    case 'events':
      return kind.value.events.map((value) => ({ $case: 'event', value }));
    case 'work': {
      const { activities, outlook } = kind.value;
      const work = activities.map((value) => ({ $case: 'activity' as const, value }));
      return outlook === undefined ? work : [...work, { $case: 'outlook', value: outlook }];
    }
    case 'event':
    case 'activity':
    case 'outlook': // one by one, from a coordinator of the version before
      return [kind];
    case undefined:
      return []; // a message of a later version
  }
}

/** Whether a broken stream may be whole again when it is asked for anew. */
function isPassing(error: Error): boolean {
  return error instanceof KbisectError && (error.code === 'unavailable' || error.code === 'cancelled');
}
