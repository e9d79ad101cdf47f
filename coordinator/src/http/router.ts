import type { IncomingMessage, ServerResponse } from 'node:http';
import { KbisectError, type ErrorCode } from '@kbisect/shared/errors';

/** A request to a route. */
export interface Call {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** What stands for `:name` in the route's path. */
  readonly param: (name: string) => string;
  readonly query: URLSearchParams;
  /** Aborted when the client goes away. */
  readonly signal: AbortSignal;
}

/** One thing that can be asked for (GET) or done (POST). Whatever changes something is a POST. */
export interface Route {
  readonly method: 'GET' | 'POST';
  /** `/api/jobs/:job/mark` */
  readonly path: string;
  readonly serve: (call: Call) => Promise<void> | void;
}

/** A browser sends this header for a page only to where the page came from: no other site's page can change anything. */
export const GUARD = 'x-kbisect';

/** What every answer says to browsers: scripts and styles of our own only, shown in no frame of another's. */
export const SECURITY_HEADERS = {
  'content-security-policy':
    "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
} as const;

const STATUS: Partial<Record<ErrorCode, number>> = {
  'invalid-argument': 400,
  unauthenticated: 401,
  'permission-denied': 403,
  'not-found': 404,
  'failed-precondition': 409,
  'resource-exhausted': 507,
  unavailable: 503,
};

/** Serves a request by the first route that matches. @returns false when there is none for its path */
export async function serveRoutes(
  routes: readonly Route[],
  request: IncomingMessage,
  response: ServerResponse,
): Promise<boolean> {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
  const found = routes.flatMap((route) => {
    const params = matched(route.path, pathname);
    return params === undefined ? [] : [{ route, params }];
  });
  if (found.length === 0) return false;
  for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.setHeader(name, value);
  const one = found.find(({ route }) => route.method === request.method);
  if (one === undefined) {
    response.setHeader('allow', found.map(({ route }) => route.method).join(', '));
    answerText(response, 405, `${found.map(({ route }) => route.method).join(' or ')}\n`);
    return true;
  }
  if (request.method === 'POST' && request.headers[GUARD] === undefined) {
    answerText(response, 400, `the header ${GUARD} is missing\n`);
    return true;
  }
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  const param = (name: string) => one.params.get(name) ?? '';
  try {
    await one.route.serve({ request, response, param, query: searchParams, signal: gone.signal });
  } catch (error) {
    if (gone.signal.aborted) return true;
    const status = error instanceof KbisectError ? STATUS[error.code] : undefined;
    if (status === undefined || response.headersSent) throw error;
    answerJson(response, { error: (error as KbisectError).message }, status);
  }
  return true;
}

export function answerJson(response: ServerResponse, value: unknown, status = 200): void {
  const head = { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' };
  response.writeHead(status, head).end(JSON.stringify(value));
}

export function answerText(response: ServerResponse, status: number, text: string): void {
  const head = { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' };
  response.writeHead(status, head).end(text);
}

const MAX_BODY = 16 * 1024;

/** The body of a request. @throws KbisectError `invalid-argument` when it is not JSON, or too long */
export async function bodyOf(request: IncomingMessage): Promise<unknown> {
  let text = '';
  for await (const chunk of request as AsyncIterable<Buffer>) {
    text += chunk.toString('utf8');
    if (text.length > MAX_BODY) throw new KbisectError('invalid-argument', 'the request is too long');
  }
  try {
    return text === '' ? {} : (JSON.parse(text) as unknown);
  } catch {
    throw new KbisectError('invalid-argument', 'the request is not JSON');
  }
}

function matched(path: string, asked: string): Map<string, string> | undefined {
  const [names, parts] = [path.split('/'), asked.split('/')];
  if (names.length !== parts.length) return undefined;
  const params = new Map<string, string>();
  for (const [place, name] of names.entries()) {
    const part = parts[place] ?? '';
    if (!name.startsWith(':')) {
      if (name !== part) return undefined;
      continue;
    }
    try {
      params.set(name.slice(1), decodeURIComponent(part));
    } catch {
      return undefined;
    }
    if (part === '') return undefined;
  }
  return params;
}
