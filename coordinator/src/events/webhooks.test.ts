import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { createLog } from '@kbisect/shared/log';
import { JobState, Verdict, type JobEvent } from '@kbisect/shared/gen/kbisect/v1/job';
import { commitId } from '@kbisect/shared/ids';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ended, judged } from '../scheduler/facts.js';
import { Webhooks } from './webhooks.js';

const log = createLog('test');
log.level = 'silent';
const retries = { retries: 3, minTimeout: 1, factor: 1, randomize: false };

let server: Server;
let got: { body: string; signature: unknown }[];
/** What the receiver answers, one after the other; 200 afterwards. */
let answers: number[];

beforeEach(async () => {
  got = [];
  answers = [];
  server = createServer((request, response) => {
    void text(request).then((body) => {
      got.push({ body, signature: request.headers['x-kbisect-signature-256'] });
      response.writeHead(answers.shift() ?? 200).end();
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
});
afterEach(() => void server.close());

const webhooks = (signal = new AbortController().signal) => {
  const { port } = server.address() as AddressInfo;
  return new Webhooks([{ url: `http://127.0.0.1:${port}/hook`, secret: 'between us' }], log, signal, retries);
};
const event = (fact: JobEvent['fact']): JobEvent => ({ at: new Date(0), fact });
const found = event(ended(JobState.JOB_STATE_NO_DIFFERENCE, 'both ends pass'));

it('tells how a job ended, signed', async () => {
  const hooks = webhooks();
  hooks.happened('a1', found);
  hooks.happened('a1', event(judged(commitId('0'.repeat(40)), Verdict.VERDICT_OLD, 'nothing that is told')));
  await hooks.settled();
  expect(got).toHaveLength(1);
  const { body, signature } = got[0]!;
  expect(JSON.parse(body)).toMatchObject({
    event: 'job.ended',
    job: 'a1',
    state: 'no-difference',
    reason: 'both ends pass',
  });
  expect(signature).toBe(`sha256=${createHmac('sha256', 'between us').update(body).digest('hex')}`);
});

it('tries again while the receiver fails, and gives up at last', async () => {
  answers = [500, 503];
  const hooks = webhooks();
  hooks.happened('a1', found);
  await hooks.settled();
  expect(got).toHaveLength(3);
  answers = [500, 500, 500, 500, 500];
  hooks.happened('a2', found);
  await hooks.settled();
  expect(got).toHaveLength(7);
});

it('keeps no more messages than it may for a receiver that is away, and leaves when it is told to', async () => {
  const stop = new AbortController();
  const hooks = webhooks(stop.signal);
  server.close();
  for (let n = 0; n < 1000; n++) hooks.happened(`a${n}`, found);
  stop.abort();
  await hooks.settled();
  expect(got).toEqual([]);
});
