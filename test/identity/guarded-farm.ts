import type { ChildProcess } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Metadata } from '@grpc/grpc-js';
import { Authority } from '@kbisect/coordinator/identity/certificates';
import { login, type Login } from '@kbisect/coordinator/identity/login';
import {
  IdentityClient,
  type Certificate,
  type CreateTokenRequest,
  type CreateTokenResponse,
  type RevokeResponse,
} from '@kbisect/shared/gen/kbisect/v1/identity';
import {
  agentChannel,
  Certificates,
  channelOptions,
  personChannel,
  type Shown,
} from '@kbisect/shared/identity/secure-channel';
import { agentName } from '@kbisect/shared/ids';
import { killGroup, run, startProcess, type Completed } from '@kbisect/shared/process';
import { unaryCall } from '@kbisect/shared/status';

const PROGRAM = join(import.meta.dirname, '../../coordinator/bin/kbisect.js');

/** A coordinator that asks who calls, a process of its own. */
export class GuardedFarm {
  #child: ChildProcess | undefined;
  #log = '';
  owner: Login = { address: '', authority: '', secret: '', name: '', role: '' };
  grpc = '127.0.0.1:0';
  http = '127.0.0.1:0';

  private constructor(readonly directory: string) {}

  /** @param config what its `--config` file has beside `tls` */
  static async start(config = {}): Promise<GuardedFarm> {
    const farm = new GuardedFarm(await mkdtemp(join(tmpdir(), 'kbisect-guarded-')));
    await writeFile(join(farm.directory, 'config.json'), JSON.stringify({ tls: {}, ...config }));
    await farm.startCoordinator();
    return farm;
  }

  get state(): string {
    return join(this.directory, 'state');
  }

  /** Starts it, where it was before. */
  async startCoordinator(): Promise<void> {
    const args = ['coordinator', '--state', this.state, '--listen', this.grpc, '--http', this.http];
    const config = ['--config', join(this.directory, 'config.json')];
    const child = startProcess({ program: process.execPath, args: [PROGRAM, ...args, ...config] }, [
      'ignore',
      'pipe',
      'pipe',
    ]);
    this.#child = child;
    child.stderr?.on('data', (chunk: Buffer) => (this.#log += chunk.toString('utf8')));
    const [line] = (await once(createInterface({ input: child.stdout! }), 'line')) as [string];
    const [, grpc = '', http = ''] = /gRPC (\S+), HTTP (\S+)/.exec(line) ?? [];
    [this.grpc, this.http] = [grpc, http];
    this.owner = login.parse(JSON.parse(await readFile(join(this.state, 'identity/owner.json'), 'utf8')));
  }

  /** All that the coordinator has logged. */
  get log(): string {
    return this.#log;
  }

  /** Runs the program as somebody who has no login of theirs. */
  async kbisect(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Completed> {
    const home = { HOME: join(this.directory, 'home'), XDG_CONFIG_HOME: '', XDG_STATE_HOME: '' };
    return run({
      program: process.execPath,
      args: [PROGRAM, '--coordinator', this.grpc, ...args],
      env: { ...process.env, ...home, ...env },
    });
  }

  identity(as?: Login): IdentityClient {
    const channel = personChannel(this.grpc, this.owner.authority, as?.secret);
    return new IdentityClient(this.grpc, channel, channelOptions(this.grpc));
  }

  async token(wanted: Partial<CreateTokenRequest> & { role: string }): Promise<CreateTokenResponse> {
    const client = this.identity(this.owner);
    const request = { ttlSeconds: 3600, uses: 0, name: '', ...wanted };
    const made = await unaryCall<CreateTokenResponse>((done) => client.createToken(request, done));
    client.close();
    return made;
  }

  async revoke(id: string): Promise<string[]> {
    const client = this.identity(this.owner);
    const { ids } = await unaryCall<RevokeResponse>((done) => client.revoke({ id }, done));
    client.close();
    return ids;
  }

  /** Has an agent join, as far as its certificate is concerned. */
  async join(name: string, token?: string): Promise<Shown> {
    const { key, publicKey } = newKey();
    const ticket = token ?? (await this.token({ role: 'agent', uses: 1 })).token;
    const client = this.identity();
    const request = { token: ticket, agent: name, publicKey };
    try {
      const made = await unaryCall<Certificate>((done) => client.join(request, new Metadata(), done));
      return { key, certificate: made.certificate, authority: this.owner.authority };
    } finally {
      client.close();
    }
  }

  /** A certificate as this farm's authority would sign it, for tests of what it never signs. */
  async forge(name: string, id: string, expiresAt: number): Promise<Shown> {
    const { key, publicKey } = newKey();
    const certificate = await (
      await this.#authority()
    ).forAgent(publicKey, agentName(name), id, Date.now() - 3_600_000, expiresAt);
    return { key, certificate, authority: this.owner.authority };
  }

  /** What another coordinator of the farm shows. */
  async coordinator(): Promise<Shown> {
    const pair = await (await this.#authority()).forCoordinator('another', Date.now());
    return { ...pair, authority: this.owner.authority };
  }

  async #authority(): Promise<Authority> {
    const pem = await readFile(join(this.state, 'identity/authority.pem'), 'utf8');
    const at = pem.indexOf('-----BEGIN CERT');
    return Authority.of({ key: pem.slice(0, at), certificate: pem.slice(at) });
  }

  channelOf(shown: Shown) {
    return agentChannel(this.grpc, new Certificates(shown));
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const closed = once(child, 'close');
    killGroup(child, signal);
    await closed;
  }

  async close(): Promise<void> {
    await this.stop();
    await rm(this.directory, { recursive: true, force: true });
  }
}

export function newKey(): { key: string; publicKey: Buffer } {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return {
    key: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    publicKey: pair.publicKey.export({ type: 'spki', format: 'der' }),
  };
}
