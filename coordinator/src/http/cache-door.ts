import { once } from 'node:events';
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { BlobName } from '@kbisect/shared/cache/blob-name';
import { blobName } from '@kbisect/shared/cache/blob-name';
import type { BlobStore, SizedStore } from '@kbisect/shared/cache/blob-store';
import { giveBackChunk } from '@kbisect/shared/cache/chunk';
import { digest, digestOf } from '@kbisect/shared/digest';
import { KbisectError, type ErrorCode } from '@kbisect/shared/errors';
import type { NamedValues } from './named-values.js';
import { rangeOf } from './range.js';

/** What the cache's HTTP door gives and takes. */
export interface CacheDoorParts {
  readonly blobs: BlobStore;
  readonly sizes: SizedStore;
  readonly values: NamedValues;
}

const CAS = /^\/cas\/([^/]+)$/;
/** ccache's layouts put up to two slashes into a key. */
const AC = /^\/ac\/((?:[\w.-]{1,128}\/){0,2}[\w.-]{1,128})$/;

const STATUS: Partial<Record<ErrorCode, number>> = {
  'invalid-argument': 400,
  'not-found': 404,
  // It was rotten and is gone: a client makes it again, as with any other miss.
  'data-loss': 404,
  'resource-exhausted': 507,
  unavailable: 503,
};

/**
 * Serves `/cas/<sha256>` and `/ac/<key>` with GET, HEAD and PUT, to ccache, Bazel, curl and browsers.
 * @returns false when the request is for neither
 */
export async function serveCache(
  parts: CacheDoorParts,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<boolean> {
  const path = (request.url ?? '/').split('?')[0] ?? '/';
  const [, hash] = CAS.exec(path) ?? [];
  const [, key] = AC.exec(path) ?? [];
  if (hash === undefined && key === undefined) return false;
  try {
    if (hash !== undefined) await serveBlob(hash, parts, request, response);
    else if (key !== undefined) await serveValue(key, parts, request, response);
  } catch (error) {
    const status = error instanceof KbisectError ? STATUS[error.code] : undefined;
    if (status === undefined || response.headersSent) throw error;
    answer(response, status, (error as KbisectError).message);
  }
  return true;
}

async function serveBlob(
  hash: string,
  { blobs, sizes }: CacheDoorParts,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const name = digest(hash);
  switch (request.method ?? '') {
    case 'GET':
    case 'HEAD': {
      const size = await sizes.sizeOf(name);
      if (size === undefined) answer(response, 404, `there is no blob ${name}`);
      else await sendBlob({ digest: name, size }, blobs, request, response);
      return;
    }
    case 'PUT': {
      const length = request.headers['content-length'];
      if (length === undefined) {
        answer(response, 411, 'say how long it is: Content-Length');
        return;
      }
      await blobs.put(blobName(name, Number(length)), request);
      answer(response, 201, 'stored');
      return;
    }
    default:
      notAllowed(response);
  }
}

async function serveValue(
  key: string,
  { blobs, values }: CacheDoorParts,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  switch (request.method ?? '') {
    case 'GET':
    case 'HEAD': {
      const value = await values.get(key);
      if (value === undefined) {
        answer(response, 404, `nothing is known of ${key}`);
      } else if (value.kind === 'blob') {
        await sendBlob(value.blob, blobs, request, response);
      } else {
        const etag = `"${digestOf(value.bytes)}"`;
        response.writeHead(200, { ...headers(etag), 'content-length': value.bytes.length });
        response.end(request.method === 'HEAD' ? undefined : value.bytes);
      }
      return;
    }
    case 'PUT':
      await values.put(key, request, Number(request.headers['content-length'] ?? Infinity));
      answer(response, 201, 'stored');
      return;
    default:
      notAllowed(response);
  }
}

async function sendBlob(
  blob: BlobName,
  blobs: BlobStore,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const etag = `"${blob.digest}"`;
  if (request.headers['if-none-match']?.split(/\s*,\s*/).includes(etag)) {
    response.writeHead(304, headers(etag)).end();
    return;
  }
  const ifRange = request.headers['if-range'];
  const asked = ifRange === undefined || ifRange === etag ? request.headers.range : undefined;
  const range = rangeOf(asked, blob.size);
  if (range === 'unsatisfiable') {
    response.writeHead(416, { 'content-range': `bytes */${blob.size}` }).end();
    return;
  }
  const { offset, length } = range ?? { offset: 0, length: blob.size };
  const head: OutgoingHttpHeaders = { ...headers(etag), 'accept-ranges': 'bytes', 'content-length': length };
  if (range) head['content-range'] = `bytes ${offset}-${offset + length - 1}/${blob.size}`;
  const status = range ? 206 : 200;
  if (request.method === 'HEAD') {
    response.writeHead(status, head).end();
    return;
  }
  await send(blobs.get(blob, offset, length), status, head, response);
}

/** The status is told only when the first bytes are there, and so are verified. */
async function send(
  bytes: AsyncIterable<Uint8Array>,
  status: number,
  head: OutgoingHttpHeaders,
  response: ServerResponse,
): Promise<void> {
  const closed = new AbortController();
  response.on('close', () => closed.abort());
  try {
    for await (const chunk of bytes) {
      if (!response.headersSent) response.writeHead(status, { ...head, 'content-type': typeOf(chunk) });
      if (!response.write(chunk, () => giveBackChunk(chunk)))
        await once(response, 'drain', { signal: closed.signal });
    }
    if (!response.headersSent) response.writeHead(status, head);
    response.end();
  } catch (error) {
    if (closed.signal.aborted) return; // the client went away
    if (response.headersSent) response.destroy(); // the client sees that it did not get all
    throw error;
  }
}

function headers(etag: string): OutgoingHttpHeaders {
  return {
    etag,
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'; sandbox",
  };
}

/** What a browser may show: text as text, anything else not at all. */
function typeOf(chunk: Uint8Array): string {
  const text = !chunk.subarray(0, 512).includes(0) && isText(chunk.subarray(0, 512));
  return text ? 'text/plain; charset=utf-8' : 'application/octet-stream';
}

function isText(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true });
    return true;
  } catch {
    return false;
  }
}

function answer(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(`${text}\n`);
}

function notAllowed(response: ServerResponse): void {
  response.setHeader('allow', 'GET, HEAD, PUT');
  answer(response, 405, 'GET, HEAD or PUT');
}
