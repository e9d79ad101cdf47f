import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { EmbeddedSnapshots } from '@kbisect/coordinator/journal/embedded-snapshots';
import { Lab } from './lab.js';
import { straight, tinyJob } from './tiny-job.js';

let lab: Lab;

beforeAll(async () => {
  lab = await Lab.open();
  await lab.startCoordinator();
  lab.startAgent('one');
});
afterAll(() => lab.close());

/** What people, scripts and the dashboard are told of a job that is over. */
async function told(job: string, commit: string): Promise<string[]> {
  const commands = [
    ['jobs'],
    ['job', job, '--json'],
    ['report', job],
    ['log', job],
    ['console', job, commit],
    ['cancel', job],
    ['mark', job, commit, 'old'],
  ];
  const pages = ['', `/${job}`, ...['range', 'belief', 'log', 'report'].map((part) => `/${job}/${part}`)];
  pages.push(`/${job}/commits/${commit}`, `/${job}/commits/${commit}/consoles`, `/${job}/consoles/lease`);
  const answers = await Promise.all(
    commands.map(async (args) => {
      const { status, stdout, stderr } = await lab.kbisect(...args);
      return `${args.join(' ')}: ${status} ${stdout.toString('utf8')} ${stderr}`;
    }),
  );
  for (const page of pages) {
    const answer = await fetch(`http://${lab.httpAddress}/api/jobs${page}`);
    answers.push(`${page}: ${answer.status} ${await answer.text()}`);
  }
  const spans = await (await fetch(`http://${lab.httpAddress}/api/history`)).text();
  return [...answers, spans.replaceAll(/"change":\d+/g, '')];
}

it('a coordinator that was started again tells the same of a job that is over, by its snapshot', async () => {
  const history = await tinyJob(lab.directory, 'over', straight(20, {}));
  const culprit = history.ids.get('c13') ?? '';
  const run = `echo seen; ! git merge-base --is-ancestor ${culprit} HEAD`;
  const ends = ['--repo', history.repo, '--good', 'c0', '--bad', 'main'];
  const job = await lab.submit(...ends, '--run', run);
  expect(await lab.result(job)).toMatchObject({ state: 'found', culprit: { commit: culprit } });
  const before = await told(job, culprit);
  await lab.killAgent('one');
  await lab.stop();

  const snapshots = new EmbeddedSnapshots(join(lab.directory, 'state/snapshots.mdb'));
  const kept: string[] = [];
  for await (const [of] of snapshots.readAll()) kept.push(of);
  await snapshots.close();
  expect(kept).toEqual([job]);

  await lab.startCoordinator();
  expect(await told(job, culprit)).toEqual(before);
  // It is no reason not to bisect it again.
  lab.startAgent('one');
  const again = await lab.submit(...ends, '--run', run);
  expect(again).not.toBe(job);
  expect(await lab.result(again)).toMatchObject({ state: 'found', culprit: { commit: culprit } });
});
