import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { KbisectError } from '@kbisect/shared/errors';
import { answerJson, bodyOf, serveRoutes, type Route } from './router.js';

const routes: Route[] = [
  {
    method: 'GET',
    path: '/things/:name',
    serve: ({ response, param }) => answerJson(response, { name: param('name') }),
  },
  {
    method: 'POST',
    path: '/things/:name/burn',
    serve: async (call) => answerJson(call.response, await bodyOf(call.request)),
  },
  {
    method: 'GET',
    path: '/missing',
    serve: () => {
      throw new KbisectError('not-found', 'it is not there');
    },
  },
];
let server: Server;
let port: number;

beforeAll(async () => {
  server = createServer((asked, response) => {
    void serveRoutes(routes, asked, response).then((served) => {
      if (!served) response.writeHead(418).end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  ({ port } = server.address() as AddressInfo);
});
afterAll(() => server.close());

/** As a browser, or whoever writes headers of their own, asks. */
async function ask(method: string, path: string, headers: Record<string, string> = {}, body = '') {
  const asked = request({ host: '127.0.0.1', port, method, path, headers });
  asked.end(body);
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  let text = '';
  for await (const chunk of response as AsyncIterable<Buffer>) text += chunk.toString('utf8');
  return { status: response.statusCode, text, headers: response.headers };
}

it('serves what a route is for, with what keeps a browser from anything else', async () => {
  const answer = await ask('GET', '/things/a%2Fb');
  expect(answer).toMatchObject({ status: 200, text: '{"name":"a/b"}' });
  expect(answer.headers['content-security-policy']).toMatch(/^default-src 'self'; .*frame-ancestors 'none'/);
});

it('leaves what is not its own to others, and says which methods there are', async () => {
  expect((await ask('GET', '/elsewhere')).status).toBe(418);
  expect(await ask('PUT', '/things/a')).toMatchObject({ status: 405, text: 'GET\n' });
  expect((await ask('GET', '/things/a/burn')).status).toBe(405);
});

it('says of our own errors what they are', async () => {
  expect(await ask('GET', '/missing')).toMatchObject({ status: 404, text: '{"error":"it is not there"}' });
});

it('changes nothing without the header that only a page of its own can send', async () => {
  const answer = await ask('POST', '/things/a/burn', { 'x-kbisect': '1' }, '{"hot":1}');
  expect(answer).toMatchObject({ status: 200, text: '{"hot":1}' });
  expect((await ask('POST', '/things/a/burn')).status).toBe(400);
});

it('reads no endless and no broken body', async () => {
  const guard = { 'x-kbisect': '1' };
  expect((await ask('POST', '/things/a/burn', guard, 'x'.repeat(100_000))).status).toBe(400);
  expect(await ask('POST', '/things/a/burn', guard, '{')).toMatchObject({
    status: 400,
    text: '{"error":"the request is not JSON"}',
  });
});
