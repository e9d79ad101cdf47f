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

it('a job that requires a label waits for an agent that has it, and is built, booted and certified on that one alone', async () => {
  const change = { 4: { kind: 'sysctl' as const, path: SYMLINKS, value: 1 } };
  const tiny = await tinyJob(lab.directory, 'labels', straight(8, change));
  const culprit = tiny.ids.get('c4') ?? '';
  const ends = ['--repo', tiny.repo, '--good', 'c0', '--bad', 'main'];
  lab.startAgent('attic', 1, '--label', 'site=attic');
  const reproducer = await tiny.reads(SYMLINKS, 0);
  const picky = await lab.submit(...ends, '--reproducer', reproducer, '--require', 'site=basement');
  // A later job for any agent is done meanwhile.
  const isOld = `! git merge-base --is-ancestor ${culprit} HEAD`;
  const any = await lab.submit(...ends, '--run', isOld, '--no-certify', '--priority', 'low');
  expect(await lab.result(any)).toMatchObject({ state: 'found', culprit: { commit: culprit } });
  for await (const kind of lab.watch(picky)) {
    if (kind.$case !== 'outlook' || kind.value.waiting === undefined) continue;
    expect(kind.value.waiting).toBe('no agent that takes tasks has the label site=basement');
    break;
  }

  lab.startAgent('basement', 1, '--label', 'site=basement', '--label', 'rack=3');
  expect(await lab.result(picky)).toMatchObject({ state: 'found', culprit: { commit: culprit } });
  const workers = async (job: string) =>
    new Set((await lab.events(job)).flatMap((fact) => (fact.$case === 'leased' ? [fact.value.agent] : [])));
  expect([...(await workers(picky))]).toEqual(['basement']);
  expect([...(await workers(any))]).toEqual(['attic']);
  const report = (await lab.kbisect('report', picky)).stdout.toString('utf8');
  expect(report).toContain('on machines with the labels site=basement');
});
