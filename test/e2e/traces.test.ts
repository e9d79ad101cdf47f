import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { Lab } from './lab.js';
import { straight, tinyJob } from './tiny-job.js';

const span = z.object({
  traceId: z.string(),
  spanId: z.string(),
  parentSpanId: z.string().optional(),
  name: z.string(),
  startTimeUnixNano: z.string(),
  endTimeUnixNano: z.string(),
});
const traces = z.object({
  resourceSpans: z.array(z.object({ scopeSpans: z.array(z.object({ spans: z.array(span) })) })),
});

let lab: Lab;
let collector: Server;
const spans: z.infer<typeof span>[] = [];

beforeAll(async () => {
  collector = createServer((request, response) => {
    void json(request).then((body) => {
      for (const { scopeSpans } of traces.parse(body).resourceSpans)
        for (const scope of scopeSpans) spans.push(...scope.spans);
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
  });
  await once(collector.listen(0, '127.0.0.1'), 'listening');
  const { port } = collector.address() as AddressInfo;
  process.env['OTEL_EXPORTER_OTLP_ENDPOINT'] = `http://127.0.0.1:${port}`;
  process.env['OTEL_BSP_SCHEDULE_DELAY'] = '100';
  lab = await Lab.open();
  await lab.startCoordinator();
  lab.startAgent('one');
});
afterAll(async () => {
  delete process.env['OTEL_EXPORTER_OTLP_ENDPOINT'];
  delete process.env['OTEL_BSP_SCHEDULE_DELAY'];
  await lab.close();
  collector.close();
});

it('a job is one trace: its tests, and in them their boots, each when it was', async () => {
  const history = await tinyJob(lab.directory, 'traced', straight(8, {}));
  const ends = ['--repo', history.repo, '--good', 'c0', '--bad', 'main', '--no-certify'];
  const run = `! git merge-base --is-ancestor ${history.ids.get('c5') ?? ''} HEAD`;
  const { trials } = await lab.result(await lab.submit(...ends, '--run', run));
  const named = (name: string) => spans.filter((each) => each.name === name);
  await expect.poll(() => named('job').length).toBe(1);
  const [job] = named('job');
  expect(named('boot')).toHaveLength(trials);
  const tests = new Map(named('test').map((test) => [test.spanId, test]));
  for (const test of tests.values()) expect(test.parentSpanId).toBe(job?.spanId);
  for (const boot of named('boot')) {
    const test = tests.get(boot.parentSpanId ?? '');
    expect(BigInt(boot.endTimeUnixNano)).toBeGreaterThanOrEqual(BigInt(test?.startTimeUnixNano ?? '0'));
    expect(BigInt(boot.endTimeUnixNano)).toBeLessThanOrEqual(BigInt(job?.endTimeUnixNano ?? '0'));
  }
  expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(1);
});
