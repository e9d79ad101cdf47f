import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { credentials } from '@grpc/grpc-js';
import {
  ActionCacheClient,
  CapabilitiesClient,
  ContentAddressableStorageClient,
} from '@kbisect/shared/gen/build/bazel/remote/execution/v2/remote_execution';
import { BlobStreamClient } from '@kbisect/shared/cache/byte-stream';
import { BuildTurnsClient } from '@kbisect/shared/gen/kbisect/v1/cache';
import { killGroup, startProcess } from '@kbisect/shared/process';

/** Found by its package, as this file runs from its source and from where it is compiled to. */
const MAIN = createRequire(import.meta.url).resolve('@kbisect/coordinator/main');
const PROGRAM = join(MAIN, '../../../bin/kbisect.js');

/** A coordinator, a process of its own, of which a test uses the cache. */
export class CacheServer {
  private constructor(
    private readonly child: ChildProcess,
    readonly directory: string,
    /** `host:port` of gRPC. */
    readonly grpc: string,
    /** Base URL of HTTP. */
    readonly url: string,
  ) {}

  /** @param cache the `cache` section of its settings */
  static async start(cache: object = {}, directory?: string): Promise<CacheServer> {
    const home = directory ?? (await mkdtemp(join(tmpdir(), 'kbisect-cache-')));
    const config = join(home, 'config.json');
    await writeFile(config, JSON.stringify({ cache }));
    const free = '127.0.0.1:0';
    const args = ['coordinator', '--state', join(home, 'state'), '--listen', free, '--http', free];
    const command = { program: process.execPath, args: [PROGRAM, ...args, '--config', config] };
    const child = startProcess(command, ['ignore', 'pipe', 'ignore']);
    const [line] = (await once(createInterface({ input: child.stdout! }), 'line')) as [string];
    const [, grpc, http] = /gRPC (\S+), HTTP (\S+)/.exec(line) ?? [];
    if (grpc === undefined || http === undefined) throw new Error(`the coordinator said: ${line}`);
    return new CacheServer(child, home, grpc, `http://${http}`);
  }

  /** Clients of its gRPC door, with connections of their own; to be closed. */
  clients() {
    const options = { 'grpc.max_receive_message_length': 2 ** 24, 'grpc.use_local_subchannel_pool': 1 };
    const [address, insecure] = [this.grpc, credentials.createInsecure()] as const;
    const clients = {
      bytes: new BlobStreamClient(address, insecure, options),
      storage: new ContentAddressableStorageClient(address, insecure, options),
      actions: new ActionCacheClient(address, insecure, options),
      capabilities: new CapabilitiesClient(address, insecure, options),
      turns: new BuildTurnsClient(address, insecure, options),
    };
    const close = () => {
      for (const client of Object.values(clients)) client.close();
    };
    return { ...clients, close };
  }

  /** The most memory that it has had resident, in bytes. */
  async peakMemory(): Promise<number> {
    const status = await readFile(`/proc/${this.child.pid ?? 0}/status`, 'utf8');
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? NaN) * 1024;
  }

  /** Ends the process; its files stay. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const closed = once(this.child, 'close');
    killGroup(this.child, signal);
    await closed;
  }

  async close(): Promise<void> {
    await this.stop();
    await rm(this.directory, { recursive: true, force: true });
  }
}
