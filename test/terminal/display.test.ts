import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { commitOf, repositoryOf } from '../../coordinator/cli/program-under-test.js';
import { run } from '@kbisect/shared/process';
import { Lab } from '../e2e/lab.js';
import { Terminal } from './terminal.js';

const PROGRAM = join(import.meta.dirname, '../../coordinator/bin/kbisect.js');

let lab: Lab;
let repo: string;
let terminal: Terminal | undefined;

beforeAll(async () => {
  lab = await Lab.open();
  await lab.startCoordinator();
  lab.startAgent('one', 2);
  repo = join(lab.directory, 'repo');
  await repositoryOf(repo, 200);
});
afterEach(async () => {
  await terminal?.close();
  terminal = undefined;
});
afterAll(() => lab.close());

const submit = () =>
  lab.submit(
    '--repo',
    repo,
    '--good',
    'v1',
    '--bad',
    'v200',
    '--run',
    'sleep 0.5; test $(cat number) -lt 77',
    '--no-certify',
  );
const watch = (job: string) => [process.execPath, PROGRAM, '--coordinator', lab.address, 'watch', job];
const BAR = /[█░]/;

describe.each([40, 80, 200])('a terminal of %i columns', (columns) => {
  it('shows the search as it narrows within its width, and in the end what came of it and nothing else', async () => {
    const job = await submit();
    terminal = await Terminal.open(watch(job), columns, 24);
    await terminal.shows(/of 199 candidates left/);
    const lines = await terminal.shows(/^ {2}one/m);
    expect(lines.find((line) => line.startsWith(`job ${job}`))).toBeDefined();
    if (columns >= 80) expect(lines.find((line) => line.includes('candidates left'))).toMatch(BAR);
    // A line that is too long would be drawn on two, and come out whole here.
    const drawn = (await terminal.everything()).split('\n').filter((line) => line !== '');
    for (const line of drawn) expect(line.length).toBeLessThanOrEqual(columns);
    await terminal.shows(/\[ended 0\]/);
    const all = await terminal.everything();
    expect(all).toContain(`${await commitOf(repo, 'v77')} is the first bad commit`);
    expect(all).not.toMatch(BAR);
    expect(all.match(/is the first bad commit/g)).toHaveLength(1);
  });
});

describe('a terminal', () => {
  it('that is made narrower and wider keeps one display, and nothing of it in the end', async () => {
    terminal = await Terminal.open(watch(await submit()), 120, 24);
    await terminal.shows(/of 199 candidates left/);
    for (const columns of [60, 45, 150]) {
      await terminal.resize(columns, 24);
      await new Promise((resolve) => setTimeout(resolve, 600));
    }
    await terminal.shows(/\[ended 0\]/);
    const screen = (await terminal.screen()).join('\n');
    expect(screen).toContain('is the first bad commit');
    expect(screen).not.toMatch(BAR);
  });

  it('has colour, unless NO_COLOR is set', async () => {
    const job = await submit();
    await lab.result(job);
    const colour = /\x1b\[3[1-6]m/; // eslint-disable-line no-control-regex -- that is what is looked for
    terminal = await Terminal.open(watch(job), 80, 24);
    await terminal.shows(/\[ended 0\]/);
    expect(await terminal.everything({ styled: true })).toMatch(colour);
    await terminal.close();
    terminal = await Terminal.open(watch(job), 80, 24, { NO_COLOR: '1' });
    await terminal.shows(/\[ended 0\]/);
    expect(await terminal.everything({ styled: true })).not.toMatch(colour);
  });

  it.each([
    ['d', 'goes on', 'found'],
    ['c', 'is cancelled', 'cancelled'],
  ])('asks, when it is interrupted, whether the job goes on: %s', async (answer, said, state) => {
    const job = await submit();
    terminal = await Terminal.open(watch(job), 80, 24);
    await terminal.shows(/candidates left/);
    await terminal.press('C-c');
    await terminal.shows(/detach from job \w+, or cancel it\?/);
    await terminal.press(answer);
    await terminal.press('Enter');
    const all = (await terminal.shows(/\[ended 1\]/)).join('\n');
    expect(all).toContain(`job ${job} ${said}`);
    expect(all).not.toMatch(BAR);
    expect((await lab.result(job)).state).toBe(state);
  });
});

it('a pipe gets plain lines, one a fact, and no escape sequence', async () => {
  const [program = '', ...args] = watch(await submit());
  const done = await run({ program, args, env: { ...process.env, FORCE_COLOR: '', TERM: 'xterm-256color' } });
  const text = done.stdout.toString('utf8');
  expect(done.status).toBe(0);
  expect(text).not.toContain('\x1b');
  expect(text).not.toMatch(BAR);
  expect(text).toMatch(/^the range has 199 commits/m);
  expect(text).toMatch(/^\d+ of 199 candidates left$/m);
  expect(text).toContain('is the first bad commit');
});
