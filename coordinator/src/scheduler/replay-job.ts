import type { JobEvent, JobSpec } from '@kbisect/shared/gen/kbisect/v1/job';
import { KbisectError } from '@kbisect/shared/errors';
import type { JobId } from '@kbisect/shared/ids';
import { KnownBuilds } from '../classes/known-builds.js';
import { Prediction } from '../classes/prediction.js';
import { Job } from './job.js';

/**
 * The job that has had these events.
 * @param predictionFor what is foretold of its builds; of its own alone when nothing is said
 * @throws KbisectError `data-loss` when they do not begin with its submission
 */
export function replayJob(
  id: JobId,
  events: readonly JobEvent[],
  predictionFor: (spec: JobSpec) => Prediction | undefined = ownPrediction,
): Job {
  const [first] = events;
  if (first?.fact?.$case !== 'submitted' || first.fact.value.spec === undefined) {
    throw new KbisectError('data-loss', `the journal of job ${id} does not begin with its submission`);
  }
  const { spec } = first.fact.value;
  const job = new Job(id, spec, first.at ?? new Date(0), predictionFor(spec));
  for (const event of events) job.apply(event);
  return job;
}

function ownPrediction({ test }: JobSpec): Prediction | undefined {
  return test?.$case === 'boot' ? new Prediction(new KnownBuilds()) : undefined;
}
