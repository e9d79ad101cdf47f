import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toProtocol } from '@kbisect/shared/cache/blob-name';
import { nameOf } from '@kbisect/shared/cache/blob-store-conformance';
import { ActionResult } from '@kbisect/shared/gen/build/bazel/remote/execution/v2/remote_execution';
import { CacheServer } from './cache-server.js';

let server: CacheServer;
beforeAll(async () => {
  server = await CacheServer.start();
});
afterAll(() => server.close());

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const put = (path: string, body: Uint8Array) =>
  fetch(`${server.url}${path}`, { method: 'PUT', body: Buffer.from(body) });
const get = (path: string, headers: Record<string, string> = {}) =>
  fetch(`${server.url}${path}`, { headers });
const bytesOf = async (response: Response) => Buffer.from(await response.arrayBuffer());

/** Sends a request as it is written here, which a well-behaved client would not; gives the answer's first line. */
async function raw(text: string): Promise<string> {
  const { hostname, port } = new URL(server.url);
  const socket = connect(Number(port), hostname);
  socket.write(text);
  const [answer] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  return answer.toString('latin1').split('\r\n')[0] ?? '';
}

describe('/cas', () => {
  const bytes = randomBytes(700_000);
  const path = `/cas/${sha256(bytes)}`;
  beforeAll(async () => {
    expect((await put(path, bytes)).status).toBe(201);
  });

  it('gives a blob whole, in part, by HEAD, and not again to who has it', async () => {
    expect((await bytesOf(await get(path))).equals(bytes)).toBe(true);
    const part = await get(path, { range: 'bytes=100-299' });
    expect(part.status).toBe(206);
    expect(part.headers.get('content-range')).toBe('bytes 100-299/700000');
    expect((await bytesOf(part)).equals(bytes.subarray(100, 300))).toBe(true);
    expect((await bytesOf(await get(path, { range: 'bytes=-5' }))).equals(bytes.subarray(-5))).toBe(true);
    const etag = `"${sha256(bytes)}"`;
    const head = await fetch(`${server.url}${path}`, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length'), head.headers.get('etag')]).toEqual([
      200,
      '700000',
      etag,
    ]);
    expect((await get(path, { 'if-none-match': etag })).status).toBe(304);
    const changed = await get(path, { range: 'bytes=0-0', 'if-range': '"another"' });
    expect(changed.status).toBe(200);
    await changed.body?.cancel();
  });

  it('shows text as text, and anything else not as a page', async () => {
    const page = Buffer.from('<html><script>alert(1)</script>');
    await put(`/cas/${sha256(page)}`, page);
    const shown = await get(`/cas/${sha256(page)}`);
    expect(shown.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    expect(shown.headers.get('x-content-type-options')).toBe('nosniff');
    expect((await get(path)).headers.get('content-type')).toBe('application/octet-stream');
  });

  it('a rotten blob is a miss, and can be put anew', async () => {
    const good = randomBytes(1000);
    const where = `/cas/${sha256(good)}`;
    await put(where, good);
    await writeFile(join(server.directory, 'state/cache/blobs', sha256(good)), randomBytes(1000));
    expect((await get(where)).status).toBe(404);
    expect((await put(where, good)).status).toBe(201);
    expect((await bytesOf(await get(where))).equals(good)).toBe(true);
  });
});

describe('/ac', () => {
  it('keeps any value, whatever the key looks like, and lets a later one take its place', async () => {
    for (const key of ['abc123', 'ab/c123', `ac/${'0'.repeat(64)}`, '1'.repeat(64)]) {
      for (const value of [randomBytes(100), randomBytes(2000)]) {
        expect((await put(`/ac/${key}`, value)).status).toBe(201);
        expect((await bytesOf(await get(`/ac/${key}`))).equals(value)).toBe(true);
      }
    }
    expect((await get('/ac/unknown')).status).toBe(404);
  });

  it('gives an action’s result only while its blobs are here', async () => {
    const output = randomBytes(50);
    const outputFiles = [{ path: 'out', digest: toProtocol(nameOf(output)) }];
    const result = ActionResult.encode(ActionResult.create({ outputFiles })).finish();
    const path = `/ac/${sha256(randomBytes(8))}`;
    await put(path, result);
    expect((await get(path)).status).toBe(404);
    await put(`/cas/${sha256(output)}`, output);
    expect((await bytesOf(await get(path))).equals(Buffer.from(result))).toBe(true);
  });
});

describe('abuse', () => {
  const hash = sha256(Buffer.from('x'));

  it.each([
    { what: 'wrong bytes', path: `/cas/${hash}`, status: 400 },
    { what: 'no digest', path: '/cas/passwd', status: 400 },
    { what: 'a digest in capitals', path: `/cas/${hash.toUpperCase()}`, status: 400 },
  ])('PUT of $what is refused', async ({ path, status }) => {
    expect((await put(path, Buffer.from('y'))).status).toBe(status);
  });

  it.each([
    ['GET /cas/../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n', '404'],
    ['GET /ac/../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n', '404'],
    ['GET /ac/%2e%2e%2fetc HTTP/1.1\r\nHost: localhost\r\n\r\n', '404'],
    [`PUT /cas/${hash} HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n`, '400'],
    [`PUT /cas/${hash} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, '411'],
    [`PUT /cas/${hash} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999\r\n\r\n`, '507'],
    [`DELETE /cas/${hash} HTTP/1.1\r\nHost: localhost\r\n\r\n`, '405'],
    [`PUT /ac/${'k'.repeat(5000)} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx`, '404'],
  ])('%j is answered %s', async (request, status) => {
    expect(await raw(request)).toMatch(new RegExp(`^HTTP/1.1 ${status}`));
  });

  it('ranges that make no sense are refused or not looked at', async () => {
    const bytes = randomBytes(10);
    await put(`/cas/${sha256(bytes)}`, bytes);
    const statusOf = async (range: string) => (await get(`/cas/${sha256(bytes)}`, { range })).status;
    expect(await statusOf('bytes=10-')).toBe(416);
    expect(await statusOf('bytes=-0')).toBe(416);
    expect(await statusOf('bytes=5-2')).toBe(200);
    expect(await statusOf('lines=1-2')).toBe(200);
  });

  it('1,000 half-open uploads leave it serving', async () => {
    const { hostname, port } = new URL(server.url);
    const sockets: Socket[] = [];
    for (let n = 0; n < 1000; n += 1) {
      const socket = connect(Number(port), hostname);
      socket.on('error', () => undefined);
      socket.write(
        `PUT /cas/${sha256(Buffer.from(String(n)))} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\nhalf`,
      );
      sockets.push(socket);
    }
    const bytes = randomBytes(1000);
    expect((await put(`/cas/${sha256(bytes)}`, bytes)).status).toBe(201);
    expect((await bytesOf(await get(`/cas/${sha256(bytes)}`))).equals(bytes)).toBe(true);
    for (const socket of sockets) socket.destroy();
    expect((await get('/healthz')).status).toBe(200);
  });
});
