import type { Job as JobInShort } from '@kbisect/shared/gen/kbisect/v1/farm';
import type { JobSpec, JobState } from '@kbisect/shared/gen/kbisect/v1/job';
import { KbisectError } from '@kbisect/shared/errors';
import type { JobId } from '@kbisect/shared/ids';
import type { Job } from './job.js';

/** A job that was over when the coordinator started, as its snapshot has it: whoever asks for more has its events replayed. */
export class PastJob {
  readonly over = true;
  readonly spec: JobSpec;
  readonly state: JobState;

  constructor(
    readonly id: JobId,
    spec: JobSpec,
    readonly inShort: JobInShort,
  ) {
    this.spec = spec;
    this.state = inShort.state;
  }
}

/** A job of which all is in memory, or no more than its end. */
export type KnownJob = Job | PastJob;

/** What who wants to change the course of a job that is over is told. */
export function itIsOver(job: JobId): KbisectError {
  return new KbisectError('failed-precondition', `job ${job} is over; submit it again`);
}
