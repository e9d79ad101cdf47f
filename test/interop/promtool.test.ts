import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '@kbisect/shared/process';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { CacheServer } from '../cache/cache-server.js';
import { installPackage } from './debian-package.js';

const lacking = await installPackage('prometheus');
const prometheus = join(import.meta.dirname, '../../deploy/prometheus');
const promtool = (args: readonly string[], input?: string) =>
  run({ program: 'promtool', args: [...args], ...(input === undefined ? {} : { input }) });

let directory: string;
let server: CacheServer;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kbisect-prometheus-'));
  await cp(prometheus, directory, { recursive: true });
  server = await CacheServer.start();
});
afterAll(async () => {
  await server.close();
  await rm(directory, { recursive: true });
});

it.each([
  ['rules', 'alerts.yml'],
  ['config', 'prometheus.yml'],
])('promtool check %s %s', async (what, file) => {
  if (lacking) return;
  const done = await promtool(['check', what, join(directory, file)]);
  expect(`${done.stdout.toString('utf8')}${done.stderr}`).toContain('SUCCESS');
  expect(done.status).toBe(0);
});

it('promtool check metrics: what a coordinator serves', async ({ skip }) => {
  if (lacking) skip(lacking);
  const metrics = await (await fetch(`${server.url}/metrics`)).text();
  expect(metrics).toContain('kbisect_cache_bytes');
  const done = await promtool(['check', 'metrics'], metrics);
  expect(`${done.stdout.toString('utf8')}${done.stderr}`).toBe('');
  expect(done.status).toBe(0);
});
