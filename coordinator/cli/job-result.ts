import type { Job } from '@kbisect/shared/gen/kbisect/v1/farm';
import { JobState, Mode } from '@kbisect/shared/gen/kbisect/v1/job';
import { shortId } from '@kbisect/shared/ids';
import { minimalConfigText } from '../src/report/minimal-config-text.js';
import { termsOf } from '../src/report/terms.js';
import { ExitStatus } from './exit-status.js';
import { printable } from './printable.js';
import { percentage } from '../src/report/percentage.js';
import { stateWord } from '../src/scheduler/job-state.js';
import { count, duration } from './words.js';

/** A job's end for people, in a few lines; the words follow the job's mode. */
export function resultText(job: Job): string {
  const terms = termsOf(job.spec?.mode ?? Mode.MODE_ANY);
  const reason = printable(job.reason);
  const lines: string[] = [];
  switch (job.state) {
    case JobState.JOB_STATE_FOUND:
      lines.push(
        `${job.culprit} is the first ${terms.new} commit${surely(job)}`,
        `    ${printable(job.culpritSubject)}`,
      );
      if (job.minimalConfig) {
        lines.push(printable(minimalConfigText(job.minimalConfig)));
        for (const setting of job.minimalConfig.settings) lines.push(`    ${printable(setting)}`);
      }
      break;
    case JobState.JOB_STATE_AMBIGUOUS:
      lines.push(`the first ${terms.new} commit could be any of these (${reason}):`);
      for (const candidate of job.candidates) lines.push(`    ${candidate}`);
      break;
    case JobState.JOB_STATE_NO_DIFFERENCE:
      lines.push(`no difference${surely(job)}: ${reason}`);
      break;
    case JobState.JOB_STATE_ABORTED:
      lines.push(`aborted: ${reason}`);
      break;
    case JobState.JOB_STATE_CANCELLED:
      lines.push(reason === '' ? 'cancelled' : reason);
      break;
    case JobState.JOB_STATE_UNSPECIFIED:
    case JobState.JOB_STATE_PREPARING:
    case JobState.JOB_STATE_PROVING:
    case JobState.JOB_STATE_SEARCHING:
    case JobState.JOB_STATE_CERTIFYING:
      lines.push(`${stateWord(job.state)}, ${count(job.candidatesLeft, 'candidate')} left`);
      if (job.waiting !== undefined) lines.push(`waits: ${printable(job.waiting)}`);
      break;
  }
  lines.push(
    `${count(job.builds, 'build')}, ${count(job.trials, 'trial')}, ${job.cacheHits} cached, ${duration(job.seconds)}`,
  );
  if (job.audited !== undefined) {
    lines.push(
      `audit: ${count(job.audited, 'foretold image')} built all the same, ${job.refuted ?? 0} came out different`,
    );
  }
  return lines.join('\n');
}

function surely({ confidence }: Job): string {
  return confidence === undefined ? '' : ` (${percentage(confidence)} sure)`;
}

/** What became of a job, in a list. */
export function resultInShort(job: Job): string {
  switch (job.state) {
    case JobState.JOB_STATE_FOUND:
      return `${shortId(job.culprit)} ${printable(job.culpritSubject)}`;
    case JobState.JOB_STATE_AMBIGUOUS:
      return `one of ${count(job.candidates.length, 'commit')}`;
    case JobState.JOB_STATE_NO_DIFFERENCE:
    case JobState.JOB_STATE_ABORTED:
    case JobState.JOB_STATE_CANCELLED:
      return printable(job.reason);
    case JobState.JOB_STATE_UNSPECIFIED:
    case JobState.JOB_STATE_PREPARING:
    case JobState.JOB_STATE_PROVING:
    case JobState.JOB_STATE_SEARCHING:
    case JobState.JOB_STATE_CERTIFYING:
      return `${count(job.candidatesLeft, 'candidate')} left${job.waiting === undefined ? '' : `; waits: ${printable(job.waiting)}`}`;
  }
}

/** The exit status that tells how a job ended. */
export function exitStatusOf(state: JobState): ExitStatus {
  return state === JobState.JOB_STATE_FOUND ? ExitStatus.Found : ExitStatus.NoCulprit;
}
