import { access, chmod, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Mirror } from '@kbisect/agent/source/mirror';
import { Worktree } from '@kbisect/agent/source/worktree';
import { Repository } from '@kbisect/coordinator/repository';
import { Git } from '@kbisect/shared/git';
import { commitId, type CommitId } from '@kbisect/shared/ids';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

// Repositories that would run something where they are fetched or checked out: nothing is run.

const signal = new AbortController().signal;
let directory: string;
let pwned: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kbisect-repositories-'));
  pwned = join(directory, 'pwned');
});
afterAll(() => rm(directory, { recursive: true }));

const ME = ['-c', 'user.name=a', '-c', 'user.email=a@example.com'];
const ran = async () =>
  access(pwned).then(
    () => true,
    () => false,
  );

/** A repository with such files, and whatever else is done to it. */
async function repository(
  files: Record<string, string>,
  more: (git: Git) => Promise<unknown> = async () => {},
): Promise<[Git, CommitId]> {
  const place = await mkdtemp(join(directory, 'origin-'));
  const git = new Git(place);
  await git.text(['init', '--quiet', '-b', 'main']);
  for (const [path, text] of Object.entries(files)) {
    await mkdir(join(place, path, '..'), { recursive: true });
    await writeFile(join(place, path), text);
  }
  await more(git);
  await git.text([...ME, '-c', 'core.hooksPath=/dev/null', 'add', '-A', '-f']);
  await git.text([
    ...ME,
    '-c',
    'core.hooksPath=/dev/null',
    'commit',
    '--quiet',
    '--no-verify',
    '--allow-empty',
    '-m',
    'hostile',
  ]);
  return [git, await git.resolveCommit('HEAD')];
}

/** Fetches it as an agent does, and checks it out. */
async function checkOut(git: Git, commit: CommitId): Promise<string> {
  const place = await mkdtemp(join(directory, 'agent-'));
  const mirror = await Mirror.open(join(place, 'mirror'));
  await mirror.git.text(['fetch', '--quiet', git.directory, `${commit}:refs/kbisect/${commit}`]);
  const tree = new Worktree(mirror, join(place, 'tree'));
  await tree.checkout(commit, signal);
  return tree.directory;
}

const hook = async (git: Git, name: string) => {
  const path = join(git.directory, '.git/hooks', name);
  await writeFile(path, `#!/bin/sh\ntouch ${pwned}\n`);
  await chmod(path, 0o755);
};

describe('a repository', () => {
  it.each([
    'post-checkout',
    'post-merge',
    'pre-commit',
    'reference-transaction',
    'post-update',
    'update',
    'pre-receive',
    'post-receive',
    'pre-auto-gc',
    'fsmonitor-watchman',
  ])('with the hook %s runs none', async (name) => {
    const [git, commit] = await repository({ 'a.c': 'x' }, (its) => hook(its, name));
    await rm(pwned, { force: true });
    await checkOut(git, commit);
    expect(await ran()).toBe(false);
  });

  it.each([
    ['core.fsmonitor', 'touch PWNED'],
    ['core.sshCommand', 'touch PWNED'],
    ['core.pager', 'touch PWNED'],
    ['core.editor', 'touch PWNED'],
    ['diff.external', 'touch PWNED'],
    ['filter.evil.smudge', 'touch PWNED'],
    ['filter.evil.process', 'touch PWNED'],
    ['uploadpack.packObjectsHook', 'touch PWNED'],
    ['core.hooksPath', '.'],
    ['credential.helper', '!touch PWNED'],
    ['core.gitProxy', 'touch PWNED'],
  ])('whose configuration has %s does not bring it along', async (name, value) => {
    const [git, commit] = await repository({ '.gitattributes': '* filter=evil diff=evil', 'a.c': 'x' });
    await writeFile(join(git.directory, '.git/more'), '');
    const section = name.split('.');
    const last = section.pop()!;
    const [first, ...rest] = section;
    const head = rest.length > 0 ? `[${first!} "${rest.join('.')}"]` : `[${first!}]`;
    await writeFile(
      join(git.directory, '.git/config'),
      `[core]\n\trepositoryformatversion = 0\n${head}\n\t${last} = "${value.replace('PWNED', pwned)}"\n`,
    );
    const tree = await checkOut(git, commit);
    await new Git(tree).text(['status', '--short']);
    expect(await ran()).toBe(false);
  });

  it.each([
    ['a filter', { '.gitattributes': '* filter=lfs\n*.c filter=evil\n' }],
    ['an external diff', { '.gitattributes': '* diff=evil merge=evil\n' }],
    ['an export substitution', { '.gitattributes': '* export-subst ident\n' }],
    ['a working tree encoding', { '.gitattributes': '*.c working-tree-encoding=latin1\n' }],
    ['attributes of a gigabyte', { '.gitattributes': `${'*'.repeat(100_000)} text\n` }],
    [
      'a configuration that is checked in',
      { '.gitconfig': '[core]\n\tfsmonitor = touch pwned\n', '.lfsconfig': '[lfs]\n\turl = http://x\n' },
    ],
    ['a mailmap, a shallow file and grafts', { '.mailmap': 'x', shallow: 'x', 'info/grafts': 'x' }],
  ])('with %s is checked out as it is', async (_what, files) => {
    const [git, commit] = await repository({
      'a.c': 'int x;\n',
      ...(files as unknown as Record<string, string>),
    });
    const tree = await checkOut(git, commit);
    expect(await readdir(tree)).toContain('a.c');
    expect(await ran()).toBe(false);
  });

  it.each([
    'ext::sh -c touch% PWNED',
    'file:///',
    '-u touch PWNED',
    '--upload-pack=touch PWNED',
    'http://127.0.0.1:1/x',
  ])('with a submodule at %j does not go there', async (url) => {
    const its = url.replace('PWNED', pwned);
    const [git, commit] = await repository(
      { '.gitmodules': `[submodule "s"]\n\tpath = s\n\turl = ${its}\n\tupdate = !touch ${pwned}\n` },
      async (origin) => {
        await origin.text(['update-index', '--add', '--cacheinfo', `160000,${'1'.repeat(40)},s`]);
      },
    );
    await checkOut(git, commit);
    expect(await ran()).toBe(false);
  });

  it.each([
    '.git/config',
    '.GIT/config',
    '.git /config',
    'git~1/config',
    '.g\u200cit/config',
    '../outside',
    'a/../../outside',
    './a',
    '.git\\config',
  ])('whose tree has the path %j writes nothing outside of the tree', async (path) => {
    const [git] = await repository({ 'a.c': 'x' });
    const blob = (
      await git.text(['hash-object', '-w', '--stdin'], { input: `[core]\n\tfsmonitor = touch ${pwned}\n` })
    ).trim();
    // Made by hand: git's own commands refuse such a tree.
    let entry = Buffer.concat([Buffer.from(`100644 ${path.split('/').at(-1)!}\0`), Buffer.from(blob, 'hex')]);
    for (const part of path.split('/').slice(0, -1).reverse()) {
      const tree = (
        await git.text(['hash-object', '-t', 'tree', '-w', '--literally', '--stdin'], { input: entry })
      ).trim();
      entry = Buffer.concat([Buffer.from(`40000 ${part}\0`), Buffer.from(tree, 'hex')]);
    }
    const root = (
      await git.text(['hash-object', '-t', 'tree', '-w', '--literally', '--stdin'], { input: entry })
    ).trim();
    const commit = commitId((await git.text([...ME, 'commit-tree', root, '-m', 'x'])).trim());
    await git.text(['update-ref', 'refs/heads/main', commit]);
    const before = new Set(await readdir(directory));
    const done = await checkOut(git, commit).catch((error: unknown) => error);
    if (typeof done === 'string') await new Git(done).text(['status', '--short']).catch(() => undefined);
    const after = (await readdir(directory)).filter(
      (name) => !before.has(name) && !name.startsWith('agent-'),
    );
    expect(after).toEqual([]);
    expect(await ran()).toBe(false);
  });

  it.each(['/etc', '..', '.git', '/proc/self/root'])(
    'with a symbolic link to %j is not followed when files change under it',
    async (target) => {
      const [git, first] = await repository({ 'a.c': 'x' }, (its) =>
        symlink(target, join(its.directory, 'link')),
      );
      const tree = await checkOut(git, first);
      expect(await readdir(tree)).toContain('link');
      expect(await ran()).toBe(false);
    },
  );
});

describe('the coordinator', () => {
  it.each([
    ...[
      'ext::sh -c id',
      'file:///etc',
      '/etc',
      '-u',
      '--upload-pack=touch PWNED',
      'fd::0',
      'ssh://-oProxyCommand=touch%20PWNED/x',
      'git://-x/y',
    ],
    ...[
      '-oProxyCommand=x:y',
      'http://[::1/x',
      'http://',
      'https://127.0.0.1:1/x',
      '',
      '\n',
      'http://127.0.0.1:1/%00',
      'testgit::x',
    ],
  ])('does not mirror %j', async (url) => {
    const repository = await Repository.open(join(directory, 'coordinator'));
    await expect(repository.mirror(url.replace('PWNED', pwned), ['main'], signal)).rejects.toMatchObject({
      name: 'KbisectError',
    });
    expect(await ran()).toBe(false);
  });
});

describe('an agent', () => {
  it.each([
    'ext::sh -c id',
    'file:///etc',
    '/etc',
    '-u',
    '--upload-pack=touch x',
    'ssh://-oProxyCommand=x/y',
    'fd::0',
    'http://127.0.0.1:1/x',
  ])('does not fetch from %j', async (url) => {
    const mirror = await Mirror.open(join(directory, 'agents-mirror'));
    await expect(mirror.fetchCommit(url, commitId('1'.repeat(40)), signal)).rejects.toMatchObject({
      name: 'KbisectError',
    });
  });
});
