import { lstat, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Git, gitEnvironment } from '@kbisect/shared/git';
import type { CommitId } from '@kbisect/shared/ids';
import { runText } from '@kbisect/shared/process';
import { FastImport, type Person } from './fast-import.js';
import { asMail, readMailInfo } from './patch-header.js';
import type { SourcePackage } from './source-package.js';
import { readTarball } from './tarball.js';

/** A git history of a source package: the upstream tarball, then one commit for each of Debian's patches. */
export interface History {
  readonly git: Git;
  readonly upstream: CommitId;
  readonly last: CommitId;
}

interface Patch {
  readonly file: string;
  /** The paths that it touches. */
  readonly paths: readonly string[];
  readonly author: Person;
  readonly message: string;
}

/**
 * Makes the history of a source package in a bare repository at `directory`. Commit ids depend on the package alone.
 * Only the files that a patch touches are ever written to disk; all others go from the tarball into git's pack. The
 * repository has its name only once it is whole.
 */
export async function makeHistory(
  directory: string,
  source: SourcePackage,
  say: (line: string) => void,
): Promise<History> {
  const partial = `${directory}.partial`;
  const work = `${directory}.work`;
  await Promise.all([directory, partial, work].map((path) => rm(path, { recursive: true, force: true })));
  await mkdir(work, { recursive: true });
  await runText({
    program: 'tar',
    args: ['-xJf', source.debian, '-C', work, 'debian/patches', 'debian/changelog'],
  });
  const debian = await packager(join(work, 'debian/changelog'));
  const patches = await readSeries(join(work, 'debian/patches'), debian);
  say(`making a git history of ${basename(source.upstream)} and ${patches.length} patches`);
  await Git.initBare(partial);
  const tree = await mkdtemp(join(work, 'tree-'));
  await importHistory(partial, tree, source, patches, debian);
  await new Git(partial).text(['symbolic-ref', 'HEAD', 'refs/heads/debian']);
  await rename(partial, directory);
  await rm(work, { recursive: true });
  return readHistory(directory);
}

/** The history that stands at `directory`. @throws KbisectError `invalid-argument` when there is none */
export async function readHistory(directory: string): Promise<History> {
  const git = await Git.open(directory);
  const [upstream, last] = [await git.resolveCommit('upstream'), await git.resolveCommit('debian')];
  return { git, upstream, last };
}

async function importHistory(
  repository: string,
  tree: string,
  source: SourcePackage,
  patches: readonly Patch[],
  debian: Person,
): Promise<void> {
  const history = FastImport.start(repository, 'debian');
  try {
    history.commit(debian, debian, `Linux ${source.version.replace(/-[^-]*$/, '')}\n`);
    await importUpstream(history, tree, source.upstream, new Set(patches.flatMap(({ paths }) => paths)));
    history.tag('upstream');
    for (const patch of patches) await importPatch(history, tree, patch, debian);
    await history.finish();
  } finally {
    history.abandon();
  }
}

/** All of the tarball goes into the commit, and its `touched` files into `tree` too. */
async function importUpstream(
  history: FastImport,
  tree: string,
  tarball: string,
  touched: ReadonlySet<string>,
): Promise<void> {
  for await (const file of readTarball(tarball)) {
    history.put(file);
    if (touched.has(file.path) && file.mode !== '120000') {
      await mkdir(dirname(join(tree, file.path)), { recursive: true });
      await writeFile(join(tree, file.path), file.content, { mode: file.mode === '100755' ? 0o755 : 0o644 });
    }
    await history.drained();
  }
}

async function importPatch(history: FastImport, tree: string, patch: Patch, debian: Person): Promise<void> {
  const args = ['apply', '--whitespace=nowarn', '--', patch.file];
  await runText({ program: 'git', args, cwd: tree, env: outside(tree) });
  history.commit(patch.author, debian, patch.message);
  for (const path of patch.paths) {
    const mode = await modeOf(join(tree, path));
    if (mode === undefined) history.remove(path);
    else history.put({ path, mode, content: await readFile(join(tree, path)) });
  }
  await history.drained();
}

/** For a directory that is no repository of its own and must not be taken for a part of one around it. */
function outside(directory: string): NodeJS.ProcessEnv {
  return { ...gitEnvironment(), GIT_CEILING_DIRECTORIES: dirname(directory) };
}

async function modeOf(path: string): Promise<'100644' | '100755' | undefined> {
  try {
    return (await lstat(path)).mode & 0o100 ? '100755' : '100644';
  } catch {
    return undefined;
  }
}

async function readSeries(directory: string, debian: Person): Promise<Patch[]> {
  const series = await readFile(join(directory, 'series'), 'utf8');
  const names = series.split('\n').flatMap(
    (line) =>
      line
        .replace(/(^|\s)#.*/, '')
        .trim()
        .split(/\s/)[0] || [],
  );
  const patches: Patch[] = [];
  for (const name of names) patches.push(await readPatch(directory, name, debian));
  return patches;
}

async function readPatch(directory: string, name: string, debian: Person): Promise<Patch> {
  const file = join(directory, name);
  const body = `${file}.message`;
  const text = await readFile(file, 'utf8');
  const info = readMailInfo(
    await runText({
      program: 'git',
      args: ['mailinfo', '-b', body, '/dev/null'],
      input: asMail(text),
      env: gitEnvironment(),
    }),
  );
  const numstat = await runText({
    program: 'git',
    args: ['apply', '--numstat', '-z', '--', file],
    cwd: directory,
    env: outside(directory),
  });
  const written = numstat.split('\0').flatMap((line) => line.split('\t')[2] || []);
  const renamed = Array.from(text.matchAll(/^(?:rename|copy) from (.*)$/gm), (match) => match[1]!);
  const subject = info.subject || basename(name, '.patch');
  return {
    file,
    paths: [...renamed, ...written],
    author: {
      name: info.author || debian.name,
      email: info.email || debian.email,
      when: gitTime(info.date) ?? debian.when,
    },
    message: `${subject}\n\n${(await readFile(body, 'utf8')).trim()}`.trim() + '\n',
  };
}

/** Who made the package, and when, by its changelog's first entry. */
async function packager(changelog: string): Promise<Person> {
  const [, name, email, date] = /^ -- (.*) <(.*)> {2}(.*)$/m.exec(await readFile(changelog, 'utf8')) ?? [];
  return { name: name ?? 'Debian', email: email ?? '', when: gitTime(date ?? '') ?? '0 +0000' };
}

/** Git's raw time of a mail's date (`Fri, 02 Nov 2012 05:32:06 +0000`); nothing when it is none. */
function gitTime(date: string): string | undefined {
  const milliseconds = Date.parse(date);
  if (Number.isNaN(milliseconds) || milliseconds < 0) return undefined;
  return `${Math.floor(milliseconds / 1000)} ${/[+-]\d{4}\b/.exec(date)?.[0] ?? '+0000'}`;
}
