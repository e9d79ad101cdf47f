import { once } from 'node:events';
import { createServer, request, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import { CacheProxy } from './cache-proxy.js';

it('lets a build go on while its object is on its way, and brings it before it closes', async () => {
  const came: string[] = [];
  let letThrough: (() => void) | undefined;
  const durable = new Promise<void>((resolve) => (letThrough = resolve));
  const farm = createServer((incoming, response) => {
    void durable.then(async () => {
      came.push(`${incoming.method ?? ''} ${incoming.url ?? ''} ${(await buffer(incoming)).toString()}`);
      response.writeHead(201).end();
    });
  }).listen(0, '127.0.0.1');
  await once(farm, 'listening');
  const { port } = farm.address() as AddressInfo;
  const proxy = await CacheProxy.listen(
    () => `http://127.0.0.1:${port}/ccache/`,
    () => undefined,
  );
  const asking = request({ socketPath: proxy.socket, method: 'PUT', path: '/ab/cdef' });
  asking.setHeader('content-length', 9).end('an object');
  const [answer] = (await once(asking, 'response')) as [IncomingMessage];
  expect(answer.statusCode).toBe(201);
  answer.resume();
  expect(came).toEqual([]);
  const closed = proxy.close();
  letThrough?.();
  await closed;
  expect(came).toEqual(['PUT /ccache/ab/cdef an object']);
  farm.close();
});
