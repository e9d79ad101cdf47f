import { afterAll, beforeAll, expect, it } from 'vitest';
import { Lab } from './lab.js';
import { straight, tinyJob, type TinyJob } from './tiny-job.js';

let lab: Lab;
let history: TinyJob;

beforeAll(async () => {
  lab = await Lab.open();
  await lab.startCoordinator();
  history = await tinyJob(lab.directory, 'by-hand', straight(40, {}));
});
afterAll(() => lab.close());

it('a job ends where people say, over a restart, and tests only what they left open', async () => {
  const id = (name: string) => history.ids.get(name) ?? '';
  // What tests cannot tell, people do: here all commits but the new end pass.
  const run = `test "$(git rev-parse HEAD)" != ${id('c40')}`;
  const job = await lab.submit(
    '--repo',
    history.repo,
    '--good',
    'c0',
    '--bad',
    'main',
    '--run',
    run,
    '--no-certify',
  );
  for (const [commit, verdict] of [
    ['c16', 'old'],
    ['c18', 'new'],
    ['c17', 'skip'],
    ['c17', 'old'],
  ] as const) {
    expect(await lab.kbisect('mark', job, id(commit), verdict)).toMatchObject({ status: 0, stderr: '' });
  }
  expect((await lab.kbisect('rerun', job, id('c0'))).status).toBe(0);
  await lab.killCoordinator();
  await lab.startCoordinator();
  lab.startAgent('one');
  const result = await lab.result(job);
  expect(result).toMatchObject({ state: 'found', culprit: { commit: id('c18') } });
  const tried = (await lab.events(job)).flatMap((fact) =>
    fact.$case === 'tried' ? [fact.value.commit] : [],
  );
  expect(tried.filter((commit) => commit !== id('c40'))).toEqual([id('c0')]);
  const log = (await lab.kbisect('log', job)).stdout.toString('utf8');
  expect(log).toContain(`git bisect bad ${id('c18')}`);
});
