import { mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Lab } from './lab.js';
import { straight, tinyJob } from './tiny-job.js';

let lab: Lab;

beforeAll(async () => {
  lab = await Lab.open();
  await lab.startCoordinator();
});
afterAll(() => lab.close());

it('a backup of a running coordinator has its jobs: those that are over with their consoles, the others go on from there', async () => {
  const history = await tinyJob(lab.directory, 'kept', straight(20, {}));
  const ends = ['--repo', history.repo, '--good', 'c0', '--bad', 'main', '--no-certify'];
  const broken = `echo seen; ! git merge-base --is-ancestor ${history.ids.get('c13') ?? ''} HEAD`;
  const agent = 'one';
  lab.startAgent(agent);
  const over = await lab.submit(...ends, '--run', broken);
  expect(await lab.result(over)).toMatchObject({
    state: 'found',
    culprit: { commit: history.ids.get('c13') },
  });
  await lab.killAgent(agent);
  const waiting = await lab.submit(...ends, '--run', broken);

  const state = join(lab.directory, 'state');
  const file = join(lab.directory, 'kbisect.tar.zst');
  expect(await lab.kbisect('backup', '--state', state, file)).toMatchObject({ status: 0, stderr: '' });
  expect((await readdir(lab.directory)).filter((name) => /backup|partial/.test(name))).toEqual([]);
  // The farm's keys are in it.
  expect((await stat(file)).mode & 0o777).toBe(0o600);

  // What happens from here on is lost with the disk.
  expect((await lab.kbisect('cancel', waiting)).status).toBe(0);
  await lab.killCoordinator();
  const refused = await lab.kbisect('restore', '--state', state, file);
  expect(refused.stderr).toContain('is not empty; restore to another --state');
  await rm(state, { recursive: true });
  expect(await lab.kbisect('restore', '--state', state, file)).toMatchObject({ status: 0, stderr: '' });
  await lab.startCoordinator();
  lab.startAgent(agent);
  expect(await lab.result(over)).toMatchObject({ state: 'found' });
  const console = await lab.kbisect('console', over, history.ids.get('c13') ?? '');
  expect(console.stdout.toString('utf8')).toContain('seen');
  expect(await lab.result(waiting)).toMatchObject({
    state: 'found',
    culprit: { commit: history.ids.get('c13') },
  });
});

it('says what is no backup, and no directory of a coordinator', async () => {
  const file = join(lab.directory, 'no-backup');
  await writeFile(file, 'nothing');
  const into = join(lab.directory, 'elsewhere/state');
  expect((await lab.kbisect('restore', '--state', into, file)).stderr).toContain(
    'is no backup of a coordinator',
  );
  expect(await readdir(join(lab.directory, 'elsewhere'))).toEqual([]);
  await mkdir(into, { recursive: true });
  expect((await lab.kbisect('backup', '--state', into, file)).stderr).toContain(
    "is no coordinator's directory",
  );
});
