import type { Check, JobEvent, JobSpec } from '@kbisect/shared/gen/kbisect/v1/job';
import { commitId, type CommitId } from '@kbisect/shared/ids';

/** All commits that a job names: with their histories they are what it needs of the repository. */
export function commitsOfSpec({ new: neu, olds, backportTo, test }: JobSpec): CommitId[] {
  const fixups = test?.$case === 'boot' ? test.value.fixups : [];
  return distinct([
    neu,
    ...olds,
    ...backportTo.map(({ commit }) => commit),
    ...fixups.flatMap(({ commit, after, until }) => [commit, after, until]),
  ]);
}

/** All commits that a job names or that were made for its checks. */
export function commitsOfJob(events: readonly JobEvent[]): CommitId[] {
  return distinct(
    events.flatMap(({ fact }) => {
      if (fact?.$case === 'submitted' && fact.value.spec) return commitsOfSpec(fact.value.spec);
      if (fact?.$case === 'checking') return commitsOfChecks(fact.value.checks);
      return [];
    }),
  );
}

/** The commits that are tested in checks. */
export function commitsOfChecks(checks: readonly Check[]): CommitId[] {
  return distinct(checks.map(({ commit }) => commit));
}

function distinct(commits: readonly string[]): CommitId[] {
  return [...new Set(commits.filter((commit) => commit !== '').map(commitId))];
}
