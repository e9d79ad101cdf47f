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
