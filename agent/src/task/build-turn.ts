import type { Digest } from '@kbisect/shared/digest';
import { KbisectError } from '@kbisect/shared/errors';
import {
  TakeTurnResponse_Turn,
  type BuildTurnsClient,
  type TakeTurnResponse,
} from '@kbisect/shared/gen/kbisect/v1/cache';
import { fromStatus } from '@kbisect/shared/status';

/**
 * Waits for the turn to do an action, which only one agent of the farm has at a time; disposing of it lets the next one
 * have it. What another has done meanwhile is in the action cache then.
 * @param onWait is called when another agent has it
 * @throws KbisectError `unavailable` when the coordinator is away; the signal's reason when it is aborted
 */
export async function takeTurn(
  client: BuildTurnsClient,
  action: Digest,
  onWait: () => void,
  signal: AbortSignal,
): Promise<Disposable> {
  signal.throwIfAborted();
  const call = client.take({ action });
  const hangUp = () => call.cancel();
  signal.addEventListener('abort', hangUp, { once: true });
  const end = () => {
    signal.removeEventListener('abort', hangUp);
    call.on('error', () => undefined); // our own hanging up
    hangUp();
  };
  try {
    // Taken from by hand: leaving a loop would end the call, and the turn with it.
    const answers = (call as AsyncIterable<TakeTurnResponse>)[Symbol.asyncIterator]();
    for (let next = await answers.next(); !next.done; next = await answers.next()) {
      if (next.value.turn === TakeTurnResponse_Turn.TURN_TAKEN) return { [Symbol.dispose]: end };
      onWait();
    }
    throw new KbisectError('unavailable', 'the coordinator ended the wait for another build');
  } catch (error) {
    end();
    signal.throwIfAborted();
    throw fromStatus(error);
  }
}
