import { afterAll, beforeAll, expect, it } from 'vitest';
import { CacheServer } from '../cache/cache-server.js';
import { Lab } from './lab.js';
import { straight, tinyJob } from './tiny-job.js';

const SYMLINKS = 'fs/protected_symlinks';

let foreign: CacheServer;
let lab: Lab;

beforeAll(async () => {
  // Any server of the Remote Execution API would do; the one that is certainly here is another coordinator.
  foreign = await CacheServer.start();
  lab = await Lab.open({ cache: { remote: { address: foreign.grpc } } });
  await lab.startCoordinator();
});
afterAll(async () => {
  await lab.close();
  await foreign.close();
});

it("an agent may speak to somebody's cache itself: the coordinator finds there what it built and saw", async () => {
  const change = { 4: { kind: 'sysctl' as const, path: SYMLINKS, value: 1 } };
  const job = await tinyJob(lab.directory, 'foreign', straight(8, change));
  const ends = ['--repo', job.repo, '--good', 'c0', '--bad', 'main', '--no-certify'];
  lab.startAgent('one', 1, '--cache', foreign.grpc);
  const id = await lab.submit(...ends, '--reproducer', await job.reads(SYMLINKS, 0));
  expect(await lab.result(id)).toMatchObject({ state: 'found', culprit: { commit: job.ids.get('c4') } });
  const console = await lab.kbisect('console', id, job.ids.get('c8') ?? '');
  expect(console.stderr).toContain('trial 1 of 1');
  expect(console.stdout.toString('utf8')).toContain('kbisect');
  // Nothing that the agent made came to the coordinator's own door.
  const stat = JSON.parse((await lab.kbisect('cache', 'stat', '--json')).stdout.toString('utf8')) as {
    doors: { name: string; hits: number; misses: number }[];
  };
  expect(stat.doors.find(({ name }) => name === 'gRPC')).toMatchObject({ hits: 0, misses: 0 });
});
