import { afterAll, beforeAll, expect, it } from 'vitest';
import { Lab } from './lab.js';
import { straight, tinyJob } from './tiny-job.js';

const SYMLINKS = 'fs/protected_symlinks';

let lab: Lab;
beforeAll(async () => {
  lab = await Lab.open();
  await lab.startCoordinator();
});
afterAll(() => lab.close());

it('two jobs that ask two agents for the same builds at the same time have each commit built once', async () => {
  const change = { 4: { kind: 'sysctl' as const, path: SYMLINKS, value: 1 } };
  const job = await tinyJob(lab.directory, 'twice', straight(8, change));
  const reproducer = await job.reads(SYMLINKS, 0);
  const ends = ['--repo', job.repo, '--good', 'c0', '--bad', 'main', '--reproducer', reproducer];
  const ids = [await lab.submit(...ends), await lab.submit(...ends, '--timeout', '61')];
  lab.startAgent('one');
  lab.startAgent('two');
  const built: string[] = [];
  for (const id of ids) {
    expect(await lab.result(id)).toMatchObject({ state: 'found', culprit: { commit: job.ids.get('c4') } });
    built.push(...(await lab.finishedBuilds(id)));
  }
  expect(built.length).toBeGreaterThan(0);
  expect(built).toHaveLength(new Set(built).size);
});
