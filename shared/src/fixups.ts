import type { Fixup } from './gen/kbisect/v1/job.js';
import type { Git } from './git.js';
import { commitId, type CommitId } from './ids.js';

/**
 * Which fix-ups are cherry-picked on a commit: those that are named for it and those of the job in whose range it is, each
 * once, without those that it has. The repository has to have all that they name.
 */
export async function fixupsOf(
  git: Git,
  commit: CommitId,
  named: readonly string[],
  ofJob: readonly Fixup[],
): Promise<CommitId[]> {
  const isIn = async ({ after, until }: Fixup) =>
    // The range `after..until` has what is reachable from its end and not from its beginning.
    (until === '' || (await git.isAncestor(commit, commitId(until)))) &&
    (after === '' || !(await git.isAncestor(commit, commitId(after))));
  const wanted = new Set(named);
  for (const fixup of ofJob) if (await isIn(fixup)) wanted.add(fixup.commit);
  const chosen: CommitId[] = [];
  for (const fixup of wanted) {
    const id = commitId(fixup);
    if (!(await git.isAncestor(id, commit))) chosen.push(id);
  }
  return chosen;
}
