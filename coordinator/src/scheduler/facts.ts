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

/** A verdict that follows from what was found. */
export function inferred(commit: CommitId, verdict: Verdict): FactOf<'judged'> {
  const reason = 'it follows from what was found';
  return { $case: 'judged', value: { commit, verdict, reason, inferred: true } };
}

export function ended(
  state: JobState,
  reason: string,
  culprit?: CommitId,
  candidates: CommitId[] = [],
  confidence?: number,
): FactOf<'ended'> {
  const value = { state, culprit: culprit ?? '', candidates, reason, confidence, pair: [] };
  return { $case: 'ended', value };
}

export function aborted(reason: string): FactOf<'ended'> {
  return ended(JobState.JOB_STATE_ABORTED, reason);
}
