import { isIP } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { errors } from '@nats-io/nats-core';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { KbisectError, messageOf } from '@kbisect/shared/errors';
import { hostOf } from '@kbisect/shared/identity/loopback';
import type { NatsAccess } from './nats-access.js';

/**
 * Connects to one of the servers of a NATS cluster, and to another whenever that one is lost. The caller closes it.
 * @param servers `host:port` each, or a URL, with commas between them
 * @param access default: plain, as nobody
 * @throws KbisectError `unavailable` when none can be reached, or none is one of ours; `invalid-argument` when they are
 *   addresses, over TLS
 */
export async function connectNats(servers: string, access: NatsAccess = {}): Promise<NatsConnection> {
  // The client's library checks a certificate against the name that is dialled, and against no address.
  if (access.tls && servers.split(',').some((server) => isIP(hostOf(server.replace(/^\w+:\/\//, ''))) !== 0))
    throw new KbisectError('invalid-argument', `over TLS NATS servers are given by name, not ${servers}`);
  try {
    return await connect({ servers: servers.split(','), maxReconnectAttempts: -1, ...access });
  } catch (error) {
    throw new KbisectError('unavailable', `no NATS server at ${servers}: ${messageOf(error)}`);
  }
}

/** Closes a connection; one that is being made again just then may never say that it is closed, and is left alone. */
export async function closeNats(connection: NatsConnection): Promise<void> {
  const closed = new AbortController();
  const patience = delay(CLOSE_MS, undefined, { signal: closed.signal }).catch(() => undefined);
  await Promise.race([connection.close(), patience]).finally(() => closed.abort());
}

/** How long JetStream may take to answer, in milliseconds. */
export const ANSWER_MS = 2500;
const ATTEMPTS = 4;
const CLOSE_MS = 5000;

/**
 * Asks for what may be asked again, and does so when there is no answer: a stream may have no leader just now, and servers
 * before 2.10 go on to place every third consumer on a node that is gone.
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
