import type { JobResult } from '@kbisect/coordinator/http/dashboard/views';
import { el, table } from './dom.js';
import { count, duration, short } from './words.js';

/** Jobs, newest first. */
export function jobTable(jobs: readonly JobResult[], label: string): HTMLElement {
  const rows = [...jobs]
    .reverse()
    .map((job) => [
      el('a', { href: `/jobs/${job.job}` }, job.title || job.job),
      job.state,
      became(job),
      `${count(job.builds, 'build')}, ${count(job.trials, 'trial')}, ${job.cacheHits} cached`,
      duration(job.seconds),
    ]);
  return table(['Job', 'State', 'Result', 'Work', 'Time'], rows, label);
}

/** What became of a job, in short. */
export function became({ culprit, candidates, candidatesLeft, waiting, reason }: JobResult): string {
  if (culprit) return `${short(culprit.commit)} ${culprit.subject}`;
  if (candidates) return `one of ${count(candidates.length, 'commit')}`;
  if (candidatesLeft === undefined) return reason;
  return `${count(candidatesLeft, 'candidate')} left${waiting === undefined ? '' : `; waits: ${waiting}`}`;
}
