import type { IncomingMessage, ServerResponse } from 'node:http';
import { TLSSocket, type PeerCertificate } from 'node:tls';
import type { Metadata } from '@grpc/grpc-js';
import { ServerInterceptingCall, ServerListenerBuilder, status, type ServerInterceptor } from '@grpc/grpc-js';
import { isLoopback } from '@kbisect/shared/identity/loopback';
import { parseBearer } from '@kbisect/shared/identity/token';
import { mayCall, mayRequest, routeOf, type Principal } from './access.js';
import { COORDINATOR } from './certificates.js';
import type { Credentials } from './credentials.js';

/** Where a browser keeps its login: only ever sent to this host, over TLS, and from its own pages. */
export const COOKIE = '__Host-kbisect';

const NOBODY: Principal = { kind: 'nobody' };
const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);

/** Who made a call, and from where. */
export interface Caller {
  readonly principal: Principal;
  /** IP address. */
  readonly address: string;
}

/**
 * The one place where it is told who calls, of gRPC and of HTTP, and whether they may: by `access.ts`, and denied by
 * default. What a credential is used for at the moment is ended when it is revoked.
 */
export class Gate {
  /** Keyed by what gRPC hands to a method, which the caller cannot forge. */
  readonly #callers = new WeakMap<Metadata, Caller>();
  readonly #requests = new WeakMap<IncomingMessage, Caller>();
  readonly #running = new Map<string, Set<() => void>>();

  /** @param credentials none where the coordinator listens on loopback alone: nobody is asked who they are */
  constructor(private readonly credentials: Credentials | undefined) {
    credentials?.onRevoked((ids) => this.#cut(ids));
  }

  /** Who made this call; a call that did not come through the gate is nobody's. */
  callerOf(call: { readonly metadata: Metadata }): Caller {
    return this.#callers.get(call.metadata) ?? { principal: NOBODY, address: '' };
  }

  /** Who made this request. */
  requesterOf(request: IncomingMessage): Caller {
    return this.#requests.get(request) ?? { principal: NOBODY, address: '' };
  }

  /** Ends what is being done with these credentials. */
  #cut(ids: readonly string[]): void {
    for (const id of ids) for (const end of this.#running.get(id) ?? []) end();
  }

  /** Lets a gRPC call in, or ends it with a status. */
  readonly interceptor: ServerInterceptor = ({ path }, call) => {
    let leave = () => {};
    const listener = new ServerListenerBuilder()
      .withOnReceiveMetadata((metadata, next) => {
        const address = plainAddress(call.getConnectionInfo().remoteAddress);
        const { sslPeerCertificate } = call.getAuthContext();
        const bearer = metadata.get('authorization')[0]?.toString();
        const principal = this.#principal(sslPeerCertificate, bearer, address);
        // It ends here: what serves the call has no use for it, and no log shall have it.
        metadata.remove('authorization');
        if (!mayCall(principal, path)) {
          call.sendStatus(refusal(principal, path));
          return;
        }
        this.#callers.set(metadata, { principal, address });
        leave = this.#enter(principal, () =>
          call.sendStatus({ code: status.UNAUTHENTICATED, details: 'this credential was revoked' }),
        );
        next(metadata);
      })
      .withOnCancel(() => leave())
      .build();
    return new ServerInterceptingCall(call, { start: (next) => next(listener) });
  };

  /**
   * Lets an HTTP request in, with its URL made plain, or answers it.
   * @returns whether it may be served
   */
  admit(request: IncomingMessage, response: ServerResponse): boolean {
    const { method = 'GET', headers, socket } = request;
    const refuse = (code: number, text: string) => {
      request.resume();
      response.writeHead(code, { 'content-type': 'text/plain; charset=utf-8' }).end(`${text}\n`);
      return false;
    };
    const url =
      URL.canParse(request.url ?? '', 'http://localhost') && new URL(request.url ?? '', 'http://localhost');
    if (!url) return refuse(400, 'that is no URL');
    request.url = url.pathname + url.search;
    // A page of somebody else's, through a browser of ours: its requests are not made by the person before it.
    if (isForeign(headers, method)) return refuse(403, 'not from another site');
    const address = plainAddress(socket.remoteAddress);
    // A foreign name that was made to point at this machine.
    if (this.credentials === undefined && !isLoopback(headers.host ?? 'localhost'))
      return refuse(403, 'this coordinator is called by a loopback address alone');
    const certificate =
      socket instanceof TLSSocket && socket.authorized ? socket.getPeerCertificate() : undefined;
    const principal = this.#principal(
      certificate,
      headers.authorization ?? cookieBearer(headers.cookie),
      address,
    );
    delete headers.authorization;
    delete headers.cookie;
    if (!mayRequest(principal, method, request.url)) {
      // Of what there is, nobody is told.
      if (principal.kind === 'nobody') {
        if (method === 'GET' && headers.accept?.includes('text/html')) {
          response.setHeader('location', '/login');
          return refuse(303, 'log in');
        }
        response.setHeader('www-authenticate', 'Bearer realm="kbisect"');
        return refuse(
          401,
          "log in: kbisect login ADDRESS --token TOKEN, or send 'Authorization: Bearer TOKEN'",
        );
      }
      return routeOf(method, request.url)
        ? refuse(403, 'this is not for you')
        : refuse(404, 'there is nothing here');
    }
    this.#requests.set(request, { principal, address });
    const leave = this.#enter(principal, () => response.destroy());
    response.once('close', leave);
    return true;
  }

  #principal(
    certificate: PeerCertificate | undefined,
    bearer: string | undefined,
    address: string,
  ): Principal {
    if (this.credentials === undefined) return { kind: 'local' };
    if (bearer !== undefined) {
      const secret = parseBearer(bearer.replace(/^Bearer /i, ''));
      return secret === undefined ? NOBODY : this.credentials.bearer(secret);
    }
    const { CN: name, OU: id } = (certificate?.subject ?? {}) as { CN?: unknown; OU?: unknown };
    if (typeof name !== 'string' || typeof id !== 'string') return NOBODY;
    if (id === COORDINATOR) return { kind: 'coordinator' };
    return this.credentials.agent(id, name, address);
  }

  #enter(principal: Principal, end: () => void): () => void {
    if (!('id' in principal)) return () => {};
    const { id } = principal;
    const running = this.#running.get(id) ?? new Set();
    this.#running.set(id, running.add(end));
    return () => {
      running.delete(end);
      if (running.size === 0 && this.#running.get(id) === running) this.#running.delete(id);
    };
  }
}

function refusal(principal: Principal, path: string): { code: status; details: string } {
  const what = path.split('/').at(-1) ?? path;
  switch (principal.kind) {
    case 'person': {
      const details = `${what} is not for ${principal.role}s, which ${principal.name} is`;
      return { code: status.PERMISSION_DENIED, details };
    }
    case 'agent':
    case 'coordinator':
      return { code: status.PERMISSION_DENIED, details: `${what} is not for ${principal.kind}s` };
    case 'nobody':
    case 'local':
      return {
        code: status.UNAUTHENTICATED,
        details:
          'the farm does not know who calls, or no longer lets them in: people log in with ' +
          "'kbisect login', agents join with 'kbisect agent --token'",
      };
  }
}

/** Without the clothes of IPv6 on an IPv4 address. */
function plainAddress(address: string | undefined): string {
  return (address ?? '').replace(/^::ffff:/, '');
}

function cookieBearer(cookies: string | undefined): string | undefined {
  for (const cookie of cookies?.split(/;\s*/) ?? []) {
    const [name, value] = cookie.split('=', 2);
    if (name === COOKIE) return value;
  }
  return undefined;
}

/** Whether a browser says that a page of another site wants a change. */
function isForeign(headers: IncomingMessage['headers'], method: string): boolean {
  if (SAFE.has(method)) return false;
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return true;
  const { origin, host } = headers;
  return origin !== undefined && (!URL.canParse(origin) || new URL(origin).host !== host);
}
