import { Metadata, ServerInterceptingCall, type ServerInterceptor } from '@grpc/grpc-js';
import type { KbisectError } from '@kbisect/shared/errors';
import { LEADER_KEY, type NotLeaderError } from '@kbisect/shared/not-leader';
import { STATUS } from '@kbisect/shared/status';

/** What a coordinator answers that does not lead, as health checks and reflection ask for no leader. */
const ANYONE = /^\/grpc\./;

/**
 * Refuses every call while this coordinator does not lead; the status says who does, in words and in metadata.
 * @param refusal undefined while it leads
 */
export function leaderOnly(refusal: () => NotLeaderError | undefined): ServerInterceptor {
  return (method, call) =>
    new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveMetadata: (metadata, go) => {
            const refused = ANYONE.test(method.path) ? undefined : refusal();
            if (refused === undefined) go(metadata);
            else call.sendStatus(statusOf(refused, refused.leader));
          },
        }),
    });
}

function statusOf({ code, message }: KbisectError, leader = '') {
  const metadata = new Metadata();
  metadata.set(LEADER_KEY, leader);
  return { code: STATUS[code], details: message, metadata };
}
