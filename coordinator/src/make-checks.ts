import {
  CheckKind,
  Check,
  Mode,
  Verdict,
  type BlobRef,
  type JobSpec,
} from '@kbisect/shared/gen/kbisect/v1/job';
import type { Git } from '@kbisect/shared/git';
import { commitId, type CommitId, type JobId } from '@kbisect/shared/ids';
import { formatSetting, mergeSettings, parseConfig } from '@kbisect/shared/settings';
import { cherryPick, mergeOf, revert } from '@kbisect/shared/transplant';
import { backportOf, fixesOf } from './branches.js';
import { readGraph } from './git-range.js';
import { prerequisitesOf } from './prerequisites.js';
import type { Input } from './scheduler/inputs.js';
import type { Question } from './scheduler/output.js';
import type { Merging, Sides } from './scheduler/pair-search.js';

type Made = Extract<Input, { kind: 'checks' | 'sides' | 'settings' }>;

/**
 * Makes or reads what a job asks for the checks of its culprit. Commits that are made have a ref below
 * `refs/kbisect/jobs/<job>/`, from where agents fetch them.
 * @param readText gives a small blob of the cache as text
 */
export async function makeChecks(
  git: Git,
  job: JobId,
  spec: JobSpec,
  question: Question,
  readText: (blob: BlobRef) => Promise<string>,
  signal: AbortSignal,
): Promise<Made> {
  const { culprit } = question;
  switch (question.kind) {
    case 'certificate':
      return { kind: 'checks', job, culprit, checks: await certificate(git, job, spec, question, signal) };
    case 'sides':
      return { kind: 'sides', job, culprit, sides: await readSides(git, culprit, signal) };
    case 'settings':
      return { kind: 'settings', job, culprit, settings: await settingsAsked(spec, readText) };
    case 'merges': {
      const checks: Check[] = [];
      for (const merging of question.merges) checks.push(await mergeCheck(git, job, merging));
      return { kind: 'checks', job, culprit, checks };
    }
  }
}

/** What is checked of a culprit before it is named. */
async function certificate(
  git: Git,
  job: JobId,
  spec: JobSpec,
  { culprit, parents }: Extract<Question, { kind: 'certificate' }>,
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
    ...(await backportChecks(git, job, culprit, spec)),
  ];
}

/** What profile and fragments ask of the configuration together, as lines of a config. */
async function settingsAsked(
  { test }: JobSpec,
  readText: (blob: BlobRef) => Promise<string>,
): Promise<string[]> {
  if (test?.$case !== 'boot') return [];
  const layers = [test.value.profile, ...test.value.fragments].flatMap((layer) => layer?.blob ?? []);
  const texts = await Promise.all(layers.map(readText));
  return mergeSettings(texts.map(parseConfig)).map(formatSetting);
}

/** What each side of a merge has that the other has not; none when the merge did more than to put them together. */
async function readSides(git: Git, merge: CommitId, signal: AbortSignal): Promise<Sides> {
  const [one, other] = await parentsOf(git, merge, false);
  if (one === undefined || other === undefined) return { kind: 'none', reason: 'it is no merge of two' };
  const merged = await mergeOf(git, one, other);
  if (merged.kind !== 'clean' || (await git.treeOf(merged.commit)) !== (await git.treeOf(merge)))
    return { kind: 'none', reason: 'it was made by hand: it is more than its two sides together' };
  const side = (tip: CommitId, not: CommitId) =>
    readGraph(git, { new: tip, olds: [not], firstParent: false, pathspecs: [] }, signal);
  return { kind: 'sides', one: await side(one, other), other: await side(other, one) };
}

async function mergeCheck(git: Git, job: JobId, { of, onto }: Merging): Promise<Check> {
  const told = { kind: CheckKind.CHECK_KIND_PAIR, of, onto };
  const done = await mergeOf(git, onto, of);
  if (done.kind === 'conflict') {
    const impossible = `the merge conflicts in ${done.files.join(', ')}`;
    return check({ ...told, impossible, conflicts: [...done.files] });
  }
  if (done.kind === 'nothing') return check({ ...told, commit: onto });
  await git.text(['update-ref', `refs/kbisect/jobs/${job}/merges/${of}`, done.commit]);
  return check({ ...told, commit: done.commit });
}

/** A fix picked on each of the branches that were named. */
async function backportChecks(git: Git, job: JobId, fix: CommitId, spec: JobSpec): Promise<Check[]> {
  if (spec.mode !== Mode.MODE_FIX || spec.backportTo.length === 0) return [];
  const fixes = (await fixesOf(git, [fix], commitId(spec.new))).map(({ commit }) => commit);
  const checks: Check[] = [];
  for (const { name, commit } of spec.backportTo) {
    const onto = commitId(commit);
    const expected = Verdict.VERDICT_NEW;
    const told = { kind: CheckKind.CHECK_KIND_BACKPORT, of: fix, onto, name, expected, fixes };
    const has = (await git.isAncestor(fix, onto)) || (await backportOf(git, fix, onto)) !== undefined;
    const done = has ? { kind: 'nothing' as const } : await cherryPick(git, fix, onto);
    switch (done.kind) {
      case 'nothing':
        checks.push(check({ ...told, impossible: 'the branch has it already' }));
        break;
      case 'clean': {
        const branch = `refs/heads/kbisect/${job}/${name.replace(/[^A-Za-z0-9._-]+/g, '-')}`;
        await git.text(['update-ref', branch, done.commit]);
        checks.push(check({ ...told, commit: done.commit }));
        break;
      }
      case 'conflict': {
        const needs = await prerequisitesOf(git, fix, onto, done.files);
        const impossible = `it conflicts in ${done.files.join(', ')}`;
        checks.push(check({ ...told, impossible, conflicts: [...done.files], needs }));
      }
    }
  }
  return checks;
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
