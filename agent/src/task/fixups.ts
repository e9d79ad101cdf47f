import { fixupsOf } from '@kbisect/shared/fixups';
import type { Fixup } from '@kbisect/shared/gen/kbisect/v1/job';
import { commitId, type CommitId } from '@kbisect/shared/ids';
import type { Mirror } from '../source/mirror.js';

/** Which fix-ups of a task and of its job are cherry-picked on a commit, once they are in the mirror. */
export async function fixupsFor(
  commit: CommitId,
  named: readonly string[],
  ofJob: readonly Fixup[],
  mirror: Mirror,
  gitUrl: string,
  signal: AbortSignal,
): Promise<CommitId[]> {
  const all = [...named, ...ofJob.flatMap((fixup) => [fixup.commit, fixup.after, fixup.until])];
  for (const id of new Set(all)) if (id !== '') await mirror.fetchCommit(gitUrl, commitId(id), signal);
  return fixupsOf(mirror.git, commit, named, ofJob);
}
