import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Git } from '@kbisect/shared/git';
import type { CommitId } from '@kbisect/shared/ids';
import { Mirror } from './mirror.js';
import { Worktree } from './worktree.js';

const signal = new AbortController().signal;
let directory: string;
let origin: Git;
let mirror: Mirror;
let commits: CommitId[];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kbisect-source-'));
  origin = new Git(join(directory, 'origin'));
  await mkdir(origin.directory);
  await origin.text(['init', '--quiet']);
  commits = [];
  for (const n of [1, 2, 3]) {
    await writeFile(join(origin.directory, 'changes'), `${n}\n`);
    await writeFile(join(origin.directory, 'stays'), 'the same\n');
    await origin.text(['add', '-A']);
    const author = ['-c', 'user.name=A', '-c', 'user.email=a@example.org'];
    await origin.text([...author, 'commit', '--quiet', '-m', `commit ${n}`]);
    commits.push(await origin.resolveCommit('HEAD'));
  }
  mirror = await Mirror.open(join(directory, 'mirror'));
  // The transport is what differs from a farm, where it is HTTP.
  await mirror.git.text(['fetch', '--quiet', origin.directory, 'HEAD:refs/kbisect/all']);
});
afterEach(async () => {
  await rm(directory, { recursive: true });
});

describe('the mirror', () => {
  it('asks for nothing when it has the commit', async () => {
    await mirror.fetchCommit('http://127.0.0.1:1/nowhere', commits[1]!, signal);
  });

  it('says what it could not fetch, and from where', async () => {
    const other = 'f'.repeat(40) as CommitId;
    await expect(mirror.fetchCommit('http://127.0.0.1:1/nowhere', other, signal)).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('127.0.0.1:1') as string,
    });
  });

  it('never reads a repository of this machine, whatever URL it is given', async () => {
    const other = 'f'.repeat(40) as CommitId;
    await expect(mirror.fetchCommit(`file://${origin.directory}`, other, signal)).rejects.toThrow(
      /not allowed/,
    );
  });

  it('is not stopped by the locks of a fetch that was killed', async () => {
    await writeFile(join(mirror.git.directory, 'packed-refs.lock'), '');
    mirror = await Mirror.open(mirror.git.directory);
    await mirror.git.text(['pack-refs', '--all']);
  });
});

describe('a worktree', () => {
  const content = async (tree: Worktree) => readFile(join(tree.directory, 'changes'), 'utf8');

  it('goes from commit to commit, touches only what differs, and keeps what was built', async () => {
    const tree = new Worktree(mirror, join(directory, 'tree'));
    await tree.checkout(commits[0]!, signal);
    const before = await stat(join(tree.directory, 'stays'));
    await writeFile(join(tree.directory, 'built.o'), 'object');
    await tree.checkout(commits[2]!, signal);
    expect(await content(tree)).toBe('3\n');
    expect((await stat(join(tree.directory, 'stays'))).mtimeMs).toBe(before.mtimeMs);
    expect(await readFile(join(tree.directory, 'built.o'), 'utf8')).toBe('object');
  });

  it('takes back what a build did to tracked files', async () => {
    const tree = new Worktree(mirror, join(directory, 'tree'));
    await tree.checkout(commits[0]!, signal);
    await writeFile(join(tree.directory, 'changes'), 'spoilt');
    await tree.checkout(commits[0]!, signal);
    expect(await content(tree)).toBe('1\n');
  });

  it('survives the lock of a checkout that was killed', async () => {
    const tree = new Worktree(mirror, join(directory, 'tree'));
    await tree.checkout(commits[0]!, signal);
    const gitDirectory = await new Git(tree.directory).text(['rev-parse', '--absolute-git-dir']);
    await writeFile(join(gitDirectory, 'index.lock'), '');
    await tree.checkout(commits[1]!, signal);
    expect(await content(tree)).toBe('2\n');
  });

  it.each([
    { what: 'its directory was removed', damage: (tree: string) => rm(tree, { recursive: true }) },
    {
      what: 'its link to the mirror is broken',
      damage: (tree: string) => writeFile(join(tree, '.git'), 'gitdir: /nowhere'),
    },
    {
      what: 'its index is garbage',
      damage: async (tree: string) =>
        writeFile(join(await new Git(tree).text(['rev-parse', '--absolute-git-dir']), 'index'), 'garbage'),
    },
  ])('is made anew when $what', async ({ damage }) => {
    const tree = new Worktree(mirror, join(directory, 'tree'));
    await tree.checkout(commits[0]!, signal);
    await damage(tree.directory);
    await tree.checkout(commits[1]!, signal);
    expect(await content(tree)).toBe('2\n');
  });

  it('stands beside others of the same mirror, made at once', async () => {
    const trees = Array.from({ length: 16 }, (_, n) => new Worktree(mirror, join(directory, `tree${n}`)));
    await Promise.all(trees.map((tree) => tree.checkout(commits[1]!, signal)));
    expect(await Promise.all(trees.map(content))).toEqual(trees.map(() => '2\n'));
  });
});
