import type { JobEvent } from '@kbisect/shared/gen/kbisect/v1/job';
import type { Journal } from './journal/journal.js';
import type { Job } from './scheduler/job.js';
import { PastJob, type KnownJob } from './scheduler/past-job.js';
import { replayJob } from './scheduler/replay-job.js';

/** A job with all that is known of it: of one that is over the events are replayed. */
export async function wholeJob(job: KnownJob, journal: Pick<Journal, 'read'>): Promise<Job> {
  return job instanceof PastJob ? (await jobWithEvents(job, journal)).job : job;
}

/** The same, with its events, which are read once. */
export async function jobWithEvents(
  known: KnownJob,
  journal: Pick<Journal, 'read'>,
): Promise<{ readonly job: Job; readonly events: readonly JobEvent[] }> {
  const events = await journal.read(known.id);
  return { job: known instanceof PastJob ? replayJob(known.id, events) : known, events };
}
