import type { Journal } from './journal/journal.js';
import type { Job } from './scheduler/job.js';
import { PastJob, type KnownJob } from './scheduler/past-job.js';
import { replayJob } from './scheduler/replay-job.js';

/** A job with all that is known of it: of one that was over when the coordinator started the events are replayed. */
export async function wholeJob(job: KnownJob, journal: Pick<Journal, 'read'>): Promise<Job> {
  return job instanceof PastJob ? replayJob(job.id, await journal.read(job.id)) : job;
}
