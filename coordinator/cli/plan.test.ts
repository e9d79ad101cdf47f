import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Git } from '@kbisect/shared/git';
import type { Plan } from '../src/plan.js';
import { isNeverBuilt } from '../src/classes/never-built.js';
import { kbisect, repositoryOf, temporaryFolder } from './program-under-test.js';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let straight: string;
let mixed: string;

beforeAll(async () => {
  folder = await temporaryFolder();
  straight = join(folder.path, 'straight');
  await repositoryOf(straight, 257);
  mixed = join(folder.path, 'mixed');
  await repositoryOf(mixed, 1);
  // Each second commit changes nothing that a build reads, and one takes back what the one before it did.
  const changes = [
    'Documentation/a.rst',
    'fs/a.c',
    'MAINTAINERS',
    'fs/b.c',
    'Documentation/Kconfig',
    'fs/c.c',
  ];
  const git = new Git(mixed);
  await git.text(['reset', '--quiet', '--hard']);
  for (const [n, path] of changes.entries()) {
    await mkdir(dirname(join(mixed, path)), { recursive: true });
    await writeFile(join(mixed, path), `${n}\n`);
    await commitAll(git, path);
  }
  await git.text([...IDENTITY, 'revert', '--no-edit', 'HEAD']);
  await git.text(['tag', 'end']);
});
afterAll(() => folder.remove());

const IDENTITY = ['-c', 'user.name=A', '-c', 'user.email=a@example.org'];

async function commitAll(git: Git, message: string): Promise<void> {
  await git.text(['add', '-A']);
  await git.text([...IDENTITY, 'commit', '--quiet', '-m', message]);
}

async function plan(repo: string, ...args: string[]): Promise<Plan> {
  const ran = await kbisect(['plan', '--repo', repo, ...args, '--json']);
  expect(ran.stderr).toBe('');
  return JSON.parse(ran.stdout) as Plan;
}

describe('kbisect plan', () => {
  it('tells rounds, builds and hours for 1 to 64 agents, without a farm', async () => {
    const told = await plan(straight, '--good', 'v1', '--bad', 'v257', '--build-seconds', '3600');
    expect(told).toMatchObject({ candidates: 256, mattering: 256, classes: 257, endBuilds: 2 });
    expect(told.farms.map(({ agents }) => agents)).toEqual([1, 2, 4, 8, 16, 32, 64]);
    expect(told.farms[0]).toMatchObject({ rounds: 8, builds: 10 });
    expect(told.farms[0]?.hours).toBeCloseTo(10, 1);
    const rounds = told.farms.map((farm) => farm.rounds);
    expect(rounds).toEqual([...rounds].sort((a, b) => b - a));
  });

  it('knows commits that cannot matter, and states of the tree that come again', async () => {
    const told = await plan(mixed, '--good', 'v1', '--bad', 'end');
    // a.c, b.c, Kconfig, c.c, and c.c taken back: the tree is that before c.c again, so neither did it.
    expect(told).toMatchObject({ candidates: 7, mattering: 3, classes: 5 });
  });

  it('takes the options by which bisect chooses a range', async () => {
    expect(
      await plan(mixed, '--old', 'v1', '--new', 'end', '--pathspec', 'fs', '--first-parent'),
    ).toMatchObject({
      candidates: 4,
    });
    const suspected = await plan(straight, '--old', 'v1', '--new', 'v257', '--suspect', 'file-100=1000');
    expect(suspected.farms[0]?.rounds).toBeLessThanOrEqual(8);
  });

  it('shows a table to people', async () => {
    const { stdout } = await kbisect(['plan', '--repo', straight, '--good', 'v1', '--bad', 'v257']);
    expect(stdout).toContain('256 commits, of which 256 can matter');
    expect(stdout).toMatch(/^agents +rounds +builds +hours$/m);
    expect(stdout).toMatch(/^ +64 +\d\.\d +\d+ +\d+\.\d$/m);
  });

  it.each([
    { what: 'ends the wrong way round', args: ['--good', 'v9', '--bad', 'v3'], words: /wrong way round/ },
    { what: 'no ends', args: [], words: /say where to look/ },
    {
      what: 'a weight below 1',
      args: ['--good', 'v1', '--bad', 'v2', '--suspect', 'fs=0.5'],
      words: /at least 1/,
    },
  ])('refuses $what', async ({ args, words }) => {
    const { status, stderr } = await kbisect(['plan', '--repo', straight, ...args]);
    expect(stderr).toMatch(words);
    expect(status).toBe(2);
  });
});

describe('what no build reads', () => {
  it.each(['Documentation/x.rst', 'MAINTAINERS', 'tools/testing/a.c', 'fs/.gitignore', 'net/README.md'])(
    'has %s',
    (path) => {
      expect(isNeverBuilt(path)).toBe(true);
    },
  );

  it.each(['fs/a.c', 'Documentation/Kconfig', 'tools/objtool/a.c', 'scripts/x.pl', 'include/readme.h'])(
    'has not %s',
    (path) => {
      expect(isNeverBuilt(path)).toBe(false);
    },
  );
});
