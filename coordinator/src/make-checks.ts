import { CheckKind, Check, Verdict, type JobSpec } from '@kbisect/shared/gen/kbisect/v1/job';
import type { Git } from '@kbisect/shared/git';
import { commitId, type CommitId, type JobId } from '@kbisect/shared/ids';
import { revert } from '@kbisect/shared/transplant';
import type { Question } from './scheduler/output.js';

/**
 * Makes what is to be checked of a culprit before it is named: the commits that are tried, the synthetic ones among them
 * with a ref below `refs/kbisect/jobs/<job>/`, from where agents fetch them.
 */
export async function makeChecks(
  git: Git,
  job: JobId,
  spec: JobSpec,
  { culprit, parents }: Question,
  signal: AbortSignal,
): Promise<Check[]> {
  const its = parents ?? (await parentsOf(git, culprit, spec.firstParent));
  signal.throwIfAborted();
  return [
    check({
      kind: CheckKind.CHECK_KIND_CULPRIT,
      of: culprit,
      commit: culprit,
      expected: Verdict.VERDICT_NEW,
    }),
    ...its.map((parent) =>
      check({
        kind: CheckKind.CHECK_KIND_PARENT,
        of: parent,
        commit: parent,
        expected: Verdict.VERDICT_OLD,
      }),
    ),
    await revertCheck(git, job, culprit, commitId(spec.new), spec.olds.map(commitId)),
  ];
}

/** The culprit reverted on the new end or, where that conflicts, on the tip of the branch that brought it. */
async function revertCheck(
  git: Git,
  job: JobId,
  culprit: CommitId,
  neu: CommitId,
  olds: readonly CommitId[],
): Promise<Check> {
  const common = { kind: CheckKind.CHECK_KIND_REVERT, of: culprit, expected: Verdict.VERDICT_OLD };
  const made = async (onto: CommitId, name: string): Promise<Check> => {
    const done = await revert(git, culprit, onto);
    const told = { ...common, onto, name };
    switch (done.kind) {
      case 'clean':
        await git.text(['update-ref', `refs/kbisect/jobs/${job}/revert`, done.commit]);
        return check({ ...told, commit: done.commit });
      case 'nothing':
        return check({ ...told, impossible: 'what it did is not there any more' });
      case 'conflict': {
        const { files } = done;
        const impossible = `the revert conflicts in ${files.join(', ')}`;
        return check({ ...told, impossible, conflicts: [...files] });
      }
    }
  };
  const onNew = await made(neu, 'the new end');
  if (onNew.conflicts.length === 0) return onNew;
  const tip = await branchTip(git, culprit, neu, olds);
  if (tip === undefined) return onNew;
  const onTip = await made(tip, "the tip of the culprit's branch");
  // The files in which it conflicts on the new end are told all the same.
  return onTip.commit === '' ? onNew : { ...onTip, conflicts: onNew.conflicts };
}

/** The tip of the branch by whose merge the culprit came to the new end; undefined when it was made on the main line. */
async function branchTip(
  git: Git,
  culprit: CommitId,
  neu: CommitId,
  olds: readonly CommitId[],
): Promise<CommitId | undefined> {
  const args = ['rev-list', '--first-parent', '--reverse', neu, '--not', ...olds, '--'];
  const line = (await git.text(args)).split('\n').filter(Boolean).map(commitId);
  let [low, high] = [0, line.length - 1];
  if (line.length === 0 || line.includes(culprit)) return undefined;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (await git.isAncestor(culprit, line[middle]!)) high = middle;
    else low = middle + 1;
  }
  const [, ...merged] = await parentsOf(git, line[low]!, false);
  for (const tip of merged) if (await git.isAncestor(culprit, tip)) return tip;
  return undefined;
}

async function parentsOf(git: Git, commit: CommitId, firstParent: boolean): Promise<CommitId[]> {
  const parents = (await git.text(['rev-parse', `${commit}^@`])).split('\n').filter(Boolean).map(commitId);
  return firstParent ? parents.slice(0, 1) : parents;
}

function check(some: Partial<Check>): Check {
  return Check.fromPartial(some);
}
