import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Git } from './git.js';
import type { CommitId } from './ids.js';
import { run } from './process.js';
import { cherryPick, revert } from './transplant.js';

let git: Git;
const commits = new Map<string, CommitId>();
const at = (name: string) => commits.get(name)!;
const lines = (change: Record<number, string>) =>
  Array.from({ length: 40 }, (_, n) => `${change[n] ?? `line ${n}`}\n`).join('');

/** Commits these files, and gives the commit a name. */
async function commit(name: string, files: Record<string, string>): Promise<void> {
  for (const [path, text] of Object.entries(files)) await writeFile(join(git.directory, path), text);
  await git.text(['add', '-A']);
  await git.text(['commit', '--quiet', '-m', `${name}: change`]);
  commits.set(name, await git.resolveCommit('HEAD'));
}

beforeAll(async () => {
  git = new Git(await mkdtemp(join(tmpdir(), 'kbisect-transplant-')));
  await git.text(['init', '--quiet']);
  await git.text(['config', 'user.name', 'An Author']);
  await git.text(['config', 'user.email', 'author@example.org']);
  await commit('base', { 'a.c': lines({}), 'b.c': lines({}) });
  await commit('culprit', { 'a.c': lines({ 5: 'broken' }) });
  await commit('other', { 'a.c': lines({ 5: 'broken', 30: 'other' }), 'b.c': lines({ 1: 'other' }) });
  await commit('on-top', { 'a.c': lines({ 5: 'broken more', 30: 'other' }) });
  await git.text(['checkout', '--quiet', '-b', 'side', at('base')]);
  await commit('side', { 'b.c': lines({ 20: 'side' }) });
});
afterAll(() => rm(git.directory, { recursive: true }));

/** What git itself makes of it in a checkout: the tree, or undefined when there is a conflict. */
async function byGit(onto: CommitId, ...command: string[]): Promise<string | undefined> {
  await git.text(['checkout', '--quiet', '--detach', onto]);
  const done = await run(git.command(command));
  if (done.status === 0) return git.treeOf(await git.resolveCommit('HEAD'));
  await run(git.command(['reset', '--hard', '--quiet']));
  return undefined;
}

describe('a revert', () => {
  it('gives the tree that git revert gives, on a commit that says what it is', async () => {
    const done = await revert(git, at('culprit'), at('other'));
    if (done.kind !== 'clean') throw new Error(done.kind);
    expect(await git.treeOf(done.commit)).toBe(
      await byGit(at('other'), 'revert', '--no-edit', at('culprit')),
    );
    expect(await git.text(['log', '-1', '--format=%P %B', done.commit])).toBe(
      `${at('other')} Revert "culprit: change"\n\nThis reverts commit ${at('culprit')}.\n`,
    );
  });

  it('names the files in which it conflicts, where git revert does', async () => {
    expect(await byGit(at('on-top'), 'revert', '--no-edit', at('culprit'))).toBeUndefined();
    expect(await revert(git, at('culprit'), at('on-top'))).toEqual({ kind: 'conflict', files: ['a.c'] });
  });

  it('is nothing where the change is not', async () => {
    expect(await revert(git, at('culprit'), at('base'))).toEqual({ kind: 'nothing' });
  });

  it('is the same commit when it is made again', async () => {
    expect(await revert(git, at('culprit'), at('other'))).toEqual(
      await revert(git, at('culprit'), at('other')),
    );
  });
});

describe('a pick', () => {
  it('gives the tree that git cherry-pick gives, with its author and where it comes from', async () => {
    const done = await cherryPick(git, at('culprit'), at('side'));
    if (done.kind !== 'clean') throw new Error(done.kind);
    expect(await git.treeOf(done.commit)).toBe(await byGit(at('side'), 'cherry-pick', at('culprit')));
    expect(await git.text(['log', '-1', '--format=%an %B', done.commit])).toBe(
      `An Author culprit: change\n\n(cherry picked from commit ${at('culprit')})\n`,
    );
  });

  it('is nothing where the change is already', async () => {
    expect(await cherryPick(git, at('culprit'), at('other'))).toEqual({ kind: 'nothing' });
  });

  it('names the files in which it conflicts', async () => {
    expect(await cherryPick(git, at('on-top'), at('side'))).toEqual({ kind: 'conflict', files: ['a.c'] });
  });
});
