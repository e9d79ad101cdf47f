import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { takeTurn } from '@kbisect/agent/task/build-turn';
import { digestOf } from '@kbisect/shared/digest';
import { CacheServer } from './cache-server.js';

let server: CacheServer;
const opened: ReturnType<CacheServer['clients']>[] = [];
const agent = () => {
  const clients = server.clients();
  opened.push(clients);
  return clients.turns;
};
const never = new AbortController().signal;

beforeAll(async () => {
  server = await CacheServer.start();
});
afterAll(async () => {
  for (const clients of opened) clients.close();
  await server.close();
});

it('one agent builds; the next has its turn when that one is done, or is no more', async () => {
  const action = digestOf(randomBytes(8));
  const told: string[] = [];
  const [one, two, three] = [agent(), agent(), agent()];
  const first = await takeTurn(one, action, () => told.push('one waits'), never);
  const second = takeTurn(two, action, () => told.push('two waits'), never);
  await expect.poll(() => told).toEqual(['two waits']);
  const third = takeTurn(three, action, () => told.push('three waits'), never);
  await expect.poll(() => told).toEqual(['two waits', 'three waits']);
  first[Symbol.dispose]();
  await second; // and never gives it back: its process dies
  two.close();
  await third;
});

it('an agent whose task is withdrawn leaves the line', async () => {
  const action = digestOf(randomBytes(8));
  const held = await takeTurn(agent(), action, () => undefined, never);
  const withdrawn = new AbortController();
  const waiting = takeTurn(agent(), action, () => withdrawn.abort(new Error('withdrawn')), withdrawn.signal);
  await expect(waiting).rejects.toThrow('withdrawn');
  const next = takeTurn(agent(), action, () => undefined, never);
  held[Symbol.dispose]();
  await next;
});
