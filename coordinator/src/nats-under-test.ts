import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { killGroup, run, startProcess } from '@kbisect/shared/process';
import type { NatsAccess } from './nats-access.js';

// A real nats-server with JetStream, for tests.

export const natsIsInstalled =
  (await run({ program: 'dpkg-query', args: ['-W', 'nats-server'] })).status === 0;
if (!natsIsInstalled) console.warn('skipped: there is no nats-server here; apt-get install nats-server');

export interface NatsUnderTest {
  /** As NATS clients are told it. */
  readonly servers: string;
  readonly connection: NatsConnection;
  readonly stop: () => Promise<void>;
}

/**
 * Starts a server that keeps its streams in a directory of its own, and connects to it.
 * @param more arguments of the server
 */
export async function startNats(
  more: readonly string[] = [],
  access: NatsAccess = {},
): Promise<NatsUnderTest> {
  const directory = await mkdtemp(join(tmpdir(), 'kbisect-nats-'));
  const args = ['--jetstream', '--store_dir', directory, '--addr', '127.0.0.1', '--port', '-1', ...more];
  const server = startProcess({ program: 'nats-server', args }, ['ignore', 'ignore', 'pipe']);
  let said = '';
  let port: string | undefined;
  while (port === undefined) {
    const [chunk] = (await once(server.stderr!, 'data')) as [Buffer];
    said += chunk.toString('utf8');
    port = /Listening for client connections on 127\.0\.0\.1:(\d+)/.exec(said)?.[1];
  }
  server.stderr?.resume();
  const servers = `127.0.0.1:${port}`;
  const connection = await connect({ servers, waitOnFirstConnect: true, ...access });
  const stop = async () => {
    await connection.close();
    const closed = once(server, 'close');
    killGroup(server);
    await closed;
    await rm(directory, { recursive: true });
  };
  return { servers, connection, stop };
}
