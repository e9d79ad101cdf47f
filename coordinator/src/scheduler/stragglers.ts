import type { JobLease } from './job-leases.js';
import type { Job } from './job.js';
import type { Timing } from './timing.js';

/** Before any task of a job is done nobody knows how long one takes. */
const UNKNOWN_FACTOR = 5;

/**
 * Leases that have taken twice as long as they were expected to and as the longest task of their job that was done, and
 * are alone on their commit, or their check: an agent that has nothing else to do may try the same, and the first to tell counts.
 */
export function stragglers({ leases }: Job, now: number, { stragglerMs }: Timing): JobLease[] {
  const { live, longestMs } = leases;
  const late = ({ grantedAt, expectedSeconds }: JobLease) => {
    const usualMs = 2 * Math.max(longestMs, 1000 * expectedSeconds);
    const patience = Math.max(usualMs, longestMs === 0 ? UNKNOWN_FACTOR * stragglerMs : stragglerMs);
    return now - grantedAt.getTime() > patience;
  };
  const alone = (lease: JobLease) =>
    live.every(
      ({ id, commit, check }) => id === lease.id || commit !== lease.commit || check !== lease.check,
    );
  return live.filter((lease) => !lease.audit && !lease.toldAll && late(lease) && alone(lease));
}
