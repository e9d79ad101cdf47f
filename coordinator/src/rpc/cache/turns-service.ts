import { once } from 'node:events';
import type { ServerWritableStream } from '@grpc/grpc-js';
import { digest } from '@kbisect/shared/digest';
import {
  TakeTurnResponse_Turn,
  type BuildTurnsServer,
  type TakeTurnRequest,
  type TakeTurnResponse,
} from '@kbisect/shared/gen/kbisect/v1/cache';
import type { Logger } from '@kbisect/shared/log';
import { callSignal, streaming } from '../handler.js';
import type { Turns } from './turns.js';

/** Agents' turns to build: a turn lasts as long as its call. */
export function turnsService(turns: Turns, log: Logger): BuildTurnsServer {
  return {
    take: streaming(log, async (call: ServerWritableStream<TakeTurnRequest, TakeTurnResponse>) => {
      const signal = callSignal(call);
      const gone = once(signal, 'abort');
      const place = turns.join(digest(call.request.action));
      try {
        if (!place.first) call.write({ turn: TakeTurnResponse_Turn.TURN_WAITING });
        await Promise.race([place.turn, gone]);
        if (signal.aborted) return;
        call.write({ turn: TakeTurnResponse_Turn.TURN_TAKEN });
        await gone;
      } finally {
        place.leave();
      }
    }),
  };
}
