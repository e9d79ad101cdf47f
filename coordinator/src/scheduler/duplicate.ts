import { JobSpec } from '@kbisect/shared/gen/kbisect/v1/job';
import type { Job } from './job.js';
import { weightOf } from './priority.js';

/**
 * The first of the jobs that a submission need not be run beside: it is not over, asks the same, and no person has
 * given a verdict in it. Who asks and the title, which only says how the ends were named, make no difference; nor does the
 * priority, unless the job that runs has a lower one.
 * @param jobs of those that run what the submitter may see
 */
export function duplicateOf(spec: JobSpec, jobs: Iterable<Job>): Job | undefined {
  const asked = question(spec);
  for (const job of jobs) {
    if (job.over || job.marked || job.spec.new !== spec.new) continue;
    const isServedAsWell = weightOf(job.spec.priority) >= weightOf(spec.priority);
    if (isServedAsWell && questionOf(job).equals(asked)) return job;
  }
  return undefined;
}

/** Of jobs that are running, once for each. */
const questions = new WeakMap<Job, Buffer>();

function questionOf(job: Job): Buffer {
  const known = questions.get(job) ?? question(job.spec);
  questions.set(job, known);
  return known;
}

/** What the job asks, as bytes: the message has no maps, so that equal ones are equal bytes. */
function question(spec: JobSpec): Buffer {
  return Buffer.from(
    JobSpec.encode({ ...spec, title: '', submitter: undefined, priority: undefined }).finish(),
  );
}
