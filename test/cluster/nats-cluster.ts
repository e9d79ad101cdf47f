import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { killGroup, startProcess } from '@kbisect/shared/process';

const CONFIG = join(import.meta.dirname, '../../deploy/nats.conf');
const NODES = [0, 1, 2];

/** Three nats-servers on loopback, each with the configuration that is for three machines. */
export class NatsCluster {
  private constructor(
    readonly directory: string,
    private readonly ports: readonly number[],
    private readonly servers: ChildProcess[],
  ) {}

  /** It is there when its JetStream has a leader. */
  static async start(): Promise<NatsCluster> {
    const directory = await mkdtemp(join(tmpdir(), 'kbisect-nats-cluster-'));
    const ports = await freePorts(2 * NODES.length);
    const routes = NODES.map((n) => `nats://127.0.0.1:${ports[NODES.length + n]}`);
    const servers = NODES.map((n) => {
      const env = {
        ...process.env,
        NATS_NAME: `nats${n}`,
        NATS_CLIENTS: `127.0.0.1:${ports[n]}`,
        NATS_CLUSTER: `127.0.0.1:${ports[NODES.length + n]}`,
        NATS_ROUTES: `[${routes.join(', ')}]`,
        NATS_STORE: join(directory, `nats${n}`),
      };
      const program = { program: 'nats-server', args: ['--config', CONFIG], env };
      return startProcess(program, ['ignore', 'ignore', 'ignore']);
    });
    const cluster = new NatsCluster(directory, ports, servers);
    const connection = await connect({ servers: cluster.addresses.split(','), waitOnFirstConnect: true });
    try {
      for (;;) {
        const manager = await jetstreamManager(connection).catch(() => undefined);
        if (manager && (await manager.getAccountInfo().catch(() => undefined))) return cluster;
      }
    } finally {
      await connection.close();
    }
  }

  get addresses(): string {
    return NODES.map((n) => `127.0.0.1:${this.ports[n]}`).join(',');
  }

  /** Kills the node that leads a stream, which is the one that hurts most, and gives its name. */
  async killLeaderOf(stream: string): Promise<string> {
    const connection = await connect({ servers: this.addresses.split(',') });
    const manager = await jetstreamManager(connection);
    const { cluster } = await manager.streams.info(stream);
    await connection.close();
    const name = cluster?.leader ?? '';
    const server = this.servers[Number(name.replace('nats', ''))];
    if (server === undefined) throw new Error(`no node leads ${stream}`);
    await kill(server);
    return name;
  }

  async stop(): Promise<void> {
    for (const server of this.servers) await kill(server);
    await rm(this.directory, { recursive: true, force: true });
  }
}

async function kill(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const closed = once(server, 'close');
  killGroup(server);
  await closed;
}

/** Ports of loopback that nobody has now. */
async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((closed) => server.close(closed))));
  return ports;
}
