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

it('an agent that is new to the farm begins with what another has built, and compiles only what differs', async () => {
  const docs = (n: number) => ({ kind: 'docs' as const, line: `commit ${n}` });
  const value = { kind: 'sysctl' as const, path: SYMLINKS, value: 1 };
  const history = straight(6, { 1: docs(1), 2: docs(2), 3: value, 4: docs(4), 5: docs(5), 6: docs(6) });
  const job = await tinyJob(lab.directory, 'new', history);
  const reproducer = await job.reads(SYMLINKS, 0);
  const ends = ['--repo', job.repo, '--good', 'c0', '--bad', 'main', '--reproducer', reproducer];
  const found = { state: 'found', culprit: { commit: job.ids.get('c3') } };
  expect(await lab.result(await lab.submit(...ends))).toMatchObject(found);
  for (const agent of ['one', 'two']) await lab.killAgent(agent);

  lab.startAgent('three');
  const again = await lab.submit(...ends, '--timeout', '61', '--audit', '1.0');
  const audited = await lab.result(again);
  expect(audited).toMatchObject(found);
  expect(audited.audit).toMatchObject({ wrong: 0 });
  const logs: string[] = [];
  for (const fact of await lab.events(again)) {
    if (fact.$case !== 'built' || fact.value.cached || fact.value.log === undefined) continue;
    const answer = await fetch(`http://${lab.httpAddress}/cas/${fact.value.log.digest}`);
    logs.push(await answer.text());
  }
  expect(logs.length).toBeGreaterThan(1);
  expect(logs[0]).toContain('Kernel: arch/x86/boot/bzImage is ready');
  expect(logs[0]).not.toMatch(/^ {2}(CC|AS) /m);
});
