import type { Target } from '@kbisect/shared/gen/kbisect/v1/job';
import type { Git } from '@kbisect/shared/git';
import { commitId, shortId, type CommitId } from '@kbisect/shared/ids';
import type { NamedCommit, ReportDocument } from './report/report-document.js';

/**
 * Whether a branch has a commit or a backport of it, by the `commit <sha> upstream.` of stable and git's own
 * `(cherry picked from commit <sha>)`, and whether it has a fix of that, by its `Fixes:` tag.
 */
export async function stateOfBranch(
  git: Git,
  culprit: CommitId,
  { name, commit }: Target,
): Promise<ReportDocument['branches'][number]> {
  const branch = commitId(commit);
  const has = await git.isAncestor(culprit, branch);
  const backport = has ? undefined : await backportOf(git, culprit, branch);
  const mended = backport === undefined ? [culprit] : [culprit, commitId(backport.commit)];
  const [fix] = has || backport ? await fixesOf(git, mended, branch) : [];
  return { name, commit, has: has ? 'culprit' : backport ? 'backport' : 'nothing', backport, fix };
}

/** Commits of a branch that say that they fix one of these, oldest first. */
export async function fixesOf(
  git: Git,
  commits: readonly CommitId[],
  branch: CommitId,
): Promise<NamedCommit[]> {
  const patterns = commits.map((commit) => `--grep=Fixes: ${shortId(commit)}`);
  return listed(git, ['--reverse', ...patterns, branch, '--not', ...commits]);
}

/** The commit of a branch that says that it is a backport of another. */
export async function backportOf(
  git: Git,
  commit: CommitId,
  branch: CommitId,
): Promise<NamedCommit | undefined> {
  const says = ['commit', 'Upstream commit', 'cherry picked from commit'];
  const patterns = says.map((words) => `--grep=${words} ${commit}`);
  return (await listed(git, [...patterns, branch, '--not', commit]))[0];
}

async function listed(git: Git, args: readonly string[]): Promise<NamedCommit[]> {
  const text = await git.text(['log', '--fixed-strings', '--format=%H %s', ...args, '--']);
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => ({ commit: line.slice(0, 40), subject: line.slice(41) }));
}
