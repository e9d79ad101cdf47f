import type { ListJobsResponse } from '@kbisect/shared/gen/kbisect/v1/farm';
import { withConnection } from './connection.js';
import { resultInShort } from './job-result.js';
import { jobResult } from '../src/report/job-json.js';
import { printable } from './printable.js';
import { table } from './table.js';
import { stateWord } from '../src/scheduler/job-state.js';
import { priorityWord } from '../src/scheduler/priority.js';

/** Lists the farm's jobs. */
export async function jobs(coordinator: string, options: { readonly json?: boolean }): Promise<void> {
  const { jobs: all } = await withConnection(coordinator, (connection) =>
    connection.call<ListJobsResponse>((...rest) => connection.farm.listJobs({}, ...rest)),
  );
  if (options.json) {
    process.stdout.write(`${JSON.stringify({ jobs: all.map(jobResult) })}\n`);
    return;
  }
  if (all.length === 0) process.stderr.write("no jobs yet; start one with 'kbisect bisect'\n");
  process.stdout.write(
    table(
      all.map((job) => [
        job.id,
        stateWord(job.state),
        priorityWord(job.spec?.priority),
        printable(job.title),
        resultInShort(job),
      ]),
    ),
  );
}
