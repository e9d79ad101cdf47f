import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Git } from '@kbisect/shared/git';
import type { CommitId } from '@kbisect/shared/ids';
import { stateOfBranch } from './branches.js';
import { prerequisitesOf } from './prerequisites.js';

let git: Git;
const at = new Map<string, CommitId>();

/** Commits a file with this text, and gives the commit a name. */
async function commit(name: string, text: string, body = ''): Promise<CommitId> {
  await writeFile(join(git.directory, 'a.c'), text);
  await git.text(['add', '-A']);
  await git.text(['commit', '--quiet', '--allow-empty', '-m', `${name}: change`, '-m', body]);
  at.set(name, await git.resolveCommit('HEAD'));
  return at.get(name)!;
}
const branch = (name: string, from: string) => git.text(['checkout', '--quiet', '-b', name, at.get(from)!]);
const state = (name: string) =>
  stateOfBranch(git, at.get('culprit')!, { name, commit: at.get(name) ?? at.get(`${name}-tip`)! });

beforeAll(async () => {
  git = new Git(await mkdtemp(join(tmpdir(), 'kbisect-branches-')));
  await git.text(['init', '--quiet']);
  await git.text(['config', 'user.name', 'A']);
  await git.text(['config', 'user.email', 'a@example.org']);
  const lines = (middle: string) => ['1', '2', '3', middle, '5', '6', '7', ''].join('\n');
  await commit('root', lines('4'));
  const culprit = await commit('culprit', lines('broken'));
  await commit('reshaped', lines('broken, reshaped'));
  await commit('fix', lines('4'), `Fixes: ${culprit.slice(0, 12)} ("culprit: change")`);
  await branch('clean', 'root');
  await commit('clean', lines('4'), 'nothing of it');
  await branch('picked', 'root');
  const backport = await commit('backport', lines('broken'), `commit ${culprit} upstream.`);
  at.set('picked', backport);
  await branch('mended', 'backport');
  await commit('mended', lines('4'), `Fixes: ${backport.slice(0, 12)} ("backport: change")`);
});
afterAll(() => rm(git.directory, { recursive: true }));

describe('a stable branch', () => {
  it('has the culprit itself, its backport or nothing of it, and a fix or none', async () => {
    expect(await state('root')).toMatchObject({ has: 'nothing' });
    expect(await state('clean')).toMatchObject({ has: 'nothing' });
    const reshaped = await state('reshaped');
    expect(reshaped.has).toBe('culprit');
    expect(reshaped.fix).toBeUndefined();
    expect(await state('fix')).toMatchObject({ has: 'culprit', fix: { subject: 'fix: change' } });
    const picked = await state('picked');
    expect(picked).toMatchObject({ has: 'backport', backport: { subject: 'backport: change' } });
    expect(picked.fix).toBeUndefined();
    expect(await state('mended')).toMatchObject({ has: 'backport', fix: { subject: 'mended: change' } });
  });
});

describe('a pick that conflicts', () => {
  it('needs what shaped its lines, in order, without what the branch has as a backport', async () => {
    const needs = (onto: string) => prerequisitesOf(git, at.get('fix')!, at.get(onto)!, ['a.c']);
    expect(await needs('clean')).toEqual([at.get('culprit'), at.get('reshaped')]);
    expect(await needs('picked')).toEqual([at.get('reshaped')]);
  });
});
