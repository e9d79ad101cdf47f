import { lstat, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Git } from '@kbisect/shared/git';
import type { CommitId } from '@kbisect/shared/ids';
import { runText } from '@kbisect/shared/process';
import { FastImport, type Person } from './fast-import.js';
import { outside, readPackager, readSeries, type Patch } from './patch-series.js';
import type { SourcePackage } from './source-package.js';
import { readTarball } from './tarball.js';

/** A git history of a source package: the upstream tarball, then one commit for each of Debian's patches. */
export interface History {
  readonly git: Git;
  readonly upstream: CommitId;
  readonly last: CommitId;
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
  const debian = await readPackager(join(work, 'debian/changelog'));
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

async function modeOf(path: string): Promise<'100644' | '100755' | undefined> {
  try {
    return (await lstat(path)).mode & 0o100 ? '100755' : '100644';
  } catch {
    return undefined;
  }
}
