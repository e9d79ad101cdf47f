import { once } from 'node:events';
import {
  createServer,
  request,
  type ClientRequest,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { request as secureRequest } from 'node:https';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { Shown } from '@kbisect/shared/identity/secure-channel';
import type { Command } from '@kbisect/shared/process';
import type { Sandbox } from './sandbox.js';

/** What runs in the sandbox between a build and the proxy. */
export const RELAY = fileURLToPath(new URL('./cache-relay.js', import.meta.url));
const PORT = 3128;
const TIMEOUT_MS = 10_000;
/** Bytes of objects that are on their way to the farm and no build waits for; with more, builds wait. */
const MAX_PENDING = 64 * 1024 ** 2;

/**
 * The one way out of a contained build: to the farm's objects and nowhere else. It listens on a Unix socket, which
 * needs no network, and asks for ccache. A coordinator that is away is a miss.
 */
export class CacheProxy {
  readonly #uploads = new Set<Promise<void>>();
  #pending = 0;

  private constructor(
    /** Of the socket; short, as socket names have to be. */
    readonly directory: string,
    private readonly server: Server,
    private readonly base: () => string,
    private readonly shown: () => Shown | undefined,
  ) {
    server.on('request', (incoming: IncomingMessage, response: ServerResponse) => {
      this.#serve(incoming, response);
    });
  }

  /**
   * @param base gives the URL below which the objects are; empty while there are none
   * @param shown gives what the agent shows there: a build has no certificate of its own
   */
  static async listen(base: () => string, shown: () => Shown | undefined): Promise<CacheProxy> {
    const directory = await mkdtemp(join(tmpdir(), 'kbisect-objects-'));
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(join(directory, 'socket'), resolve);
    });
    server.unref();
    return new CacheProxy(directory, server, base, shown);
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
    await Promise.all(this.#uploads);
    await rm(this.directory, { recursive: true, force: true });
  }

  /** Answers ccache out of the farm's objects: below the base, with no more than ccache needs. */
  #serve(incoming: IncomingMessage, response: ServerResponse): void {
    const { method = 'GET', url: path = '' } = incoming;
    const base = this.base().replace(/\/$/, '');
    if (base === '' || !/^\/[0-9a-zA-Z/_-]+$/.test(path) || !['GET', 'HEAD', 'PUT'].includes(method)) {
      miss(incoming, response);
      return;
    }
    const length = Number(incoming.headers['content-length'] ?? Infinity);
    const ask = () => this.#ask(base + path, method, incoming.headers['content-length']);
    if (method === 'PUT' && this.#pending + length <= MAX_PENDING)
      this.#takeOver(ask, length, incoming, response);
    else forward(ask(), incoming, response);
  }

  /** The build goes on while its object is on its way: the farm makes it durable first. */
  #takeOver(
    ask: () => ClientRequest,
    length: number,
    incoming: IncomingMessage,
    response: ServerResponse,
  ): void {
    this.#pending += length;
    const upload = buffer(incoming)
      .then(async (body) => {
        response.writeHead(201).end();
        // One that does not arrive is compiled again somewhere else.
        const [answer] = (await once(ask().end(body), 'response')) as [IncomingMessage];
        answer.resume();
      })
      .catch(() => void response.destroy())
      .finally(() => {
        this.#pending -= length;
        this.#uploads.delete(upload);
      });
    this.#uploads.add(upload);
  }

  #ask(url: string, method: string, length: string | undefined): ClientRequest {
    const headers = length === undefined ? {} : { 'content-length': length };
    const options = { method, timeout: TIMEOUT_MS, headers };
    const shown = this.shown();
    const outgoing =
      shown === undefined
        ? request(url, options)
        : secureRequest(url, { ...options, ca: shown.authority, cert: shown.certificate, key: shown.key });
    return outgoing.once('timeout', () => outgoing.destroy(new Error('the farm does not answer')));
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

function miss(incoming: IncomingMessage, response: ServerResponse): void {
  incoming.resume();
  if (!response.headersSent) response.writeHead(incoming.method === 'PUT' ? 503 : 404);
  response.end();
}

function forward(outgoing: ClientRequest, incoming: IncomingMessage, response: ServerResponse): void {
  outgoing.once('response', (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
    answer.once('error', () => response.destroy());
  });
  outgoing.once('error', () => miss(incoming, response));
  incoming.pipe(outgoing);
}
