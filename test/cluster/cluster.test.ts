import { afterAll, beforeAll, expect, it } from 'vitest';
import { Lab } from '../e2e/lab.js';
import { straight, tinyJob } from '../e2e/tiny-job.js';
import { NatsCluster } from './nats-cluster.js';

const SYMLINKS = 'fs/protected_symlinks';
const COORDINATORS = [0, 1, 2];
const LAST = 40;

let nats: NatsCluster;
let lab: Lab;

beforeAll(async () => {
  nats = await NatsCluster.start();
  const place = { servers: nats.addresses, replicas: 3 };
  lab = await Lab.open({ journal: place, cache: { jetstream: place } });
  for (const n of COORDINATORS) await lab.startCoordinator(n);
  for (const name of ['one', 'two', 'three']) lab.startAgent(name);
});
afterAll(async () => {
  await lab.close();
  await nats.stop();
});

/** Runs a job whose culprit is known, and gives how long it took. */
async function bisect(name: string, culprit: number, meanwhile: (id: string) => Promise<void>) {
  const changes = { [culprit]: { kind: 'sysctl' as const, path: SYMLINKS, value: 1 } };
  const job = await tinyJob(lab.directory, name, straight(LAST, changes));
  const startedAt = performance.now();
  const range = ['--repo', job.repo, '--good', 'c0', '--bad', 'main'];
  const id = await lab.submit(...range, '--reproducer', await job.reads(SYMLINKS, 0));
  const [result] = await Promise.all([lab.result(id), meanwhile(id)]);
  const seconds = (performance.now() - startedAt) / 1000;
  expect(result).toMatchObject({ state: 'found', culprit: { commit: job.ids.get(`c${culprit}`) } });
  const builds = await lab.finishedBuilds(id);
  expect(new Set(builds).size, 'commits built, each once').toBe(builds.length);
  return seconds;
}

/** Resolves when so many commits of a job have a verdict. */
async function judged(id: string, verdicts: number): Promise<void> {
  let seen = 0;
  for await (const kind of lab.watch(id)) {
    if (kind.$case === 'event' && kind.value.fact?.$case === 'judged' && ++seen === verdicts) return;
  }
}

it('is done at most 15 s later when the leader and a node of NATS are killed in mid-job', async () => {
  const undisturbed = await bisect('undisturbed', 23, () => Promise.resolve());
  let replaced = NaN;
  const disturbed = await bisect('disturbed', 23, async (id) => {
    await judged(id, 3);
    const leader = await lab.leader();
    expect(leader, 'somebody leads').toBeDefined();
    await lab.killCoordinator(leader);
    const killedAt = performance.now();
    await expect.poll(() => lab.leader()).not.toBeUndefined();
    replaced = (performance.now() - killedAt) / 1000;
    await nats.killLeaderOf('kbisect-jobs');
  });
  console.log({ undisturbed, disturbed, replaced });
  expect(replaced, 'seconds without a leader').toBeLessThan(10);
  expect(disturbed - undisturbed, 'seconds more').toBeLessThan(15);
});
