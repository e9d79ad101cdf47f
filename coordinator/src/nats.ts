import { errors } from '@nats-io/nats-core';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { KbisectError, messageOf } from '@kbisect/shared/errors';

/**
 * Connects to one of the servers of a NATS cluster, and to another whenever that one is lost. The caller closes it.
 * @param servers `host:port` each, or a URL, with commas between them
 * @throws KbisectError `unavailable` when none can be reached
 */
export async function connectNats(servers: string): Promise<NatsConnection> {
  try {
    return await connect({ servers: servers.split(','), maxReconnectAttempts: -1 });
  } catch (error) {
    throw new KbisectError('unavailable', `no NATS server at ${servers}: ${messageOf(error)}`);
  }
}

/** How long JetStream may take to answer, in milliseconds. */
export const ANSWER_MS = 2500;
const ATTEMPTS = 4;

/**
 * Asks for what begins with a consumer, and again when there is no answer: servers before 2.10 go on to place every third
 * one on a node that is gone.
 * @throws KbisectError `unavailable` when there is none in the end
 */
export async function asked<T>(ask: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await ask();
    } catch (error) {
      if (attempt === ATTEMPTS || !(error instanceof errors.TimeoutError)) throw unanswered(error);
    }
  }
}

/**
 * What JetStream answers.
 * @throws KbisectError `unavailable` when it does not, or cannot: it is worth to ask again
 */
export async function answered<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw unanswered(error);
  }
}

function unanswered(error: unknown): KbisectError {
  if (error instanceof KbisectError) return error;
  return new KbisectError('unavailable', `JetStream does not answer: ${messageOf(error)}`, { cause: error });
}
