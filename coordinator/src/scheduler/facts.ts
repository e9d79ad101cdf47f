import type { Verdict } from '@kbisect/shared/gen/kbisect/v1/job';
import { JobState, type JobEvent } from '@kbisect/shared/gen/kbisect/v1/job';
import type { CommitId } from '@kbisect/shared/ids';

/** The part of an event that says what happened; when it happened is added by who writes it down. */
export type Fact = NonNullable<JobEvent['fact']>;

/** A fact of one kind. */
export type FactOf<K extends Fact['$case']> = Extract<Fact, { $case: K }>;

export function judged(commit: CommitId, verdict: Verdict, reason: string): FactOf<'judged'> {
  return { $case: 'judged', value: { commit, verdict, reason } };
}

export function ended(
  state: JobState,
  reason: string,
  culprit?: CommitId,
  candidates: CommitId[] = [],
): FactOf<'ended'> {
  return { $case: 'ended', value: { state, culprit: culprit ?? '', candidates, reason } };
}

export function aborted(reason: string): FactOf<'ended'> {
  return ended(JobState.JOB_STATE_ABORTED, reason);
}
