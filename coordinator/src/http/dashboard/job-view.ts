import { Mode } from '@kbisect/shared/gen/kbisect/v1/job';
import type { CommitId } from '@kbisect/shared/ids';
import { jobResult } from '../../report/job-json.js';
import { summaryOf } from '../../report/summary.js';
import { termsOf } from '../../report/terms.js';
import type { Farm } from '../../scheduler/farm.js';
import type { Job } from '../../scheduler/job.js';
import type { JobView } from './views.js';

/** A job as its page shows it. */
export async function jobView(
  job: Job,
  farm: Pick<Farm, 'agents'>,
  subject: (commit: CommitId) => Promise<string>,
): Promise<JobView> {
  const { spec, over, proof } = job;
  return {
    ...jobResult(await summaryOf(job, farm, subject)),
    mode: WORDS[spec.mode],
    terms: termsOf(spec.mode),
    olds: spec.olds,
    new: spec.new,
    runs: spec.runs,
    over,
    shows: proof,
  };
}

const WORDS = {
  [Mode.MODE_REGRESSION]: 'regression',
  [Mode.MODE_FIX]: 'fix',
  [Mode.MODE_ANY]: 'change',
  [Mode.MODE_UNSPECIFIED]: 'change',
} as const satisfies Record<Mode, string>;
