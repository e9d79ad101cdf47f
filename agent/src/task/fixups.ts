import type { Fixup } from '@kbisect/shared/gen/kbisect/v1/job';
import { commitId, type CommitId } from '@kbisect/shared/ids';
import type { Mirror } from '../source/mirror.js';

/**
 * Which fix-ups are cherry-picked on a commit: those that the task names and those of the job in whose range it is,
 * each once, without those that it has.
 */
export async function fixupsFor(
  commit: CommitId,
  named: readonly string[],
  ofJob: readonly Fixup[],
  mirror: Mirror,
  gitUrl: string,
  signal: AbortSignal,
): Promise<CommitId[]> {
  const { git } = mirror;
  const has = async (id: string, descendant: CommitId) => {
    await mirror.fetchCommit(gitUrl, commitId(id), signal);
    return git.isAncestor(commitId(id), descendant);
  };
  const wanted = new Set(named);
  for (const { commit: fixup, after, until } of ofJob) {
    if (until !== '') {
      await mirror.fetchCommit(gitUrl, commitId(until), signal);
      if (!(await git.isAncestor(commit, commitId(until)))) continue;
    }
    // The range `after..until` has what is reachable from its end and not from its beginning.
    if (after !== '') {
      await mirror.fetchCommit(gitUrl, commitId(after), signal);
      if (await git.isAncestor(commit, commitId(after))) continue;
    }
    wanted.add(fixup);
  }
  const chosen: CommitId[] = [];
  for (const fixup of wanted) if (!(await has(fixup, commit))) chosen.push(commitId(fixup));
  return chosen;
}
