import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { request as secureRequest } from 'node:https';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Shown } from '@kbisect/shared/identity/secure-channel';
import type { Command } from '@kbisect/shared/process';
import type { Sandbox } from './sandbox.js';

const RELAY = fileURLToPath(new URL('./cache-relay.js', import.meta.url));
const PORT = 3128;
const TIMEOUT_MS = 10_000;

/**
 * The one way out of a contained build: to the farm's objects and nowhere else. It listens on a Unix socket, which
 * needs no network, and asks for ccache. A coordinator that is away is a miss.
 */
export class CacheProxy {
  private constructor(
    /** Of the socket; short, as socket names have to be. */
    readonly directory: string,
    private readonly server: Server,
    private readonly base: () => string,
  ) {}

  /**
   * @param base gives the URL below which the objects are; empty while there are none
   * @param shown gives what the agent shows there: a build has no certificate of its own
   */
  static async listen(base: () => string, shown: () => Shown | undefined): Promise<CacheProxy> {
    const directory = await mkdtemp(join(tmpdir(), 'kbisect-objects-'));
    const server = createServer((incoming, response) => forward(base(), shown(), incoming, response));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(join(directory, 'socket'), resolve);
    });
    server.unref();
    return new CacheProxy(directory, server, base);
  }

  get socket(): string {
    return join(this.directory, 'socket');
  }

  /** Where a build in the sandbox finds the objects; undefined while the farm has none. */
  urlFor(sandbox: Sandbox): string | undefined {
    if (this.base() === '') return undefined;
    // ccache by itself speaks no TLS.
    if (sandbox.kind === 'none') return this.base().startsWith('https:') ? undefined : this.base();
    return `http://127.0.0.1:${PORT}`;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await rm(this.directory, { recursive: true, force: true });
  }
}

/** A command that, where there is no network, has the proxy at a port of its own loopback. */
export function relayed<C extends Pick<Command, 'program' | 'args'>>(
  command: C,
  sandbox: Sandbox,
  proxy: CacheProxy,
): C {
  if (sandbox.kind === 'none') return command;
  const args = [RELAY, proxy.socket, String(PORT), command.program, ...command.args];
  return { ...command, program: process.execPath, args };
}

/** Asks the farm for ccache: below the base, with no more than ccache needs. */
function forward(
  base: string,
  shown: Shown | undefined,
  incoming: IncomingMessage,
  response: ServerResponse,
): void {
  const path = incoming.url ?? '';
  const { method = 'GET' } = incoming;
  const miss = () => {
    incoming.resume();
    if (!response.headersSent) response.writeHead(method === 'PUT' ? 503 : 404);
    response.end();
  };
  if (base === '' || !/^\/[0-9a-zA-Z/_-]+$/.test(path) || !['GET', 'HEAD', 'PUT'].includes(method)) {
    miss();
    return;
  }
  const length = incoming.headers['content-length'];
  const headers = length === undefined ? {} : { 'content-length': length };
  const options = { method, timeout: TIMEOUT_MS, headers };
  const url = base.replace(/\/$/, '') + path;
  const answered = (answer: IncomingMessage) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
    answer.once('error', () => response.destroy());
  };
  const outgoing =
    shown === undefined
      ? request(url, options, answered)
      : secureRequest(
          url,
          { ...options, ca: shown.authority, cert: shown.certificate, key: shown.key },
          answered,
        );
  outgoing.once('timeout', () => outgoing.destroy());
  outgoing.once('error', miss);
  incoming.pipe(outgoing);
}
