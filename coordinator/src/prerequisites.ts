import type { Git } from '@kbisect/shared/git';
import { commitId, type CommitId } from '@kbisect/shared/ids';
import { backportOf } from './branches.js';

/** Lines of a file, from the first to the last. */
interface Lines {
  readonly from: number;
  readonly to: number;
}

/** Of so many commits at most it is said that a pick needs them. */
const MOST = 20;

/**
 * Commits that a pick which conflicts seems to need: those that shaped the lines that it changes, and their
 * neighbourhood, since the branch and the pick's history parted (`git log -L`), without those that the branch has as
 * backports. Oldest first.
 */
export async function prerequisitesOf(
  git: Git,
  pick: CommitId,
  branch: CommitId,
  files: readonly string[],
): Promise<CommitId[]> {
  const parent = commitId(await git.text(['rev-parse', '--verify', `${pick}^1`]));
  const needed = new Set<CommitId>();
  for (const file of files) {
    for (const { from, to } of await hunksOf(git, parent, pick, file)) {
      const args = ['log', '--format=%H', '--no-patch', `-L${from},${to}:${file}`, parent, '--not', branch];
      const listed = await git.text(args).catch(() => ''); // the file is not in the parent
      for (const line of listed.split('\n')) if (/^[0-9a-f]{40}$/.test(line)) needed.add(commitId(line));
    }
  }
  if (needed.size === 0) return [];
  const byHistory = (await git.text(['rev-list', '--topo-order', '--reverse', parent, '--not', branch]))
    .split('\n')
    .filter((commit) => needed.has(commit as CommitId))
    .map(commitId);
  const missing: CommitId[] = [];
  for (const commit of byHistory)
    if ((await backportOf(git, commit, branch)) === undefined) missing.push(commit);
  return missing.slice(-MOST);
}

/** What a commit changes in a file, in the lines of its parent, with the lines around that a merge looks at. */
async function hunksOf(git: Git, parent: CommitId, commit: CommitId, file: string): Promise<Lines[]> {
  const diff = await git.text(['diff', '--no-ext-diff', '--unified=3', parent, commit, '--', file]);
  const hunks: Lines[] = [];
  for (const [, start, length] of diff.matchAll(/^@@ -(\d+)(?:,(\d+))? /gm)) {
    const from = Number(start);
    const lines = length === undefined ? 1 : Number(length);
    if (from > 0 && lines > 0) hunks.push({ from, to: from + lines - 1 });
  }
  return hunks;
}
