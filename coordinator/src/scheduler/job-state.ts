import { JobState } from '@kbisect/shared/gen/kbisect/v1/job';

/** A job's state as scripts read it: `searching`, `found`, `no-difference`. */
export function stateWord(state: JobState): string {
  return state
    .replace(/^JOB_STATE_/, '')
    .toLowerCase()
    .replaceAll('_', '-');
}

/** Whether a job in this state is over. */
export function isOver(state: JobState): boolean {
  switch (state) {
    case JobState.JOB_STATE_FOUND:
    case JobState.JOB_STATE_AMBIGUOUS:
    case JobState.JOB_STATE_NO_DIFFERENCE:
    case JobState.JOB_STATE_ABORTED:
    case JobState.JOB_STATE_CANCELLED:
      return true;
    case JobState.JOB_STATE_UNSPECIFIED:
    case JobState.JOB_STATE_PREPARING:
    case JobState.JOB_STATE_PROVING:
    case JobState.JOB_STATE_SEARCHING:
    case JobState.JOB_STATE_CERTIFYING:
      return false;
  }
}
