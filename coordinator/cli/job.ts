import type { Job } from '@kbisect/shared/gen/kbisect/v1/farm';
import { Mode } from '@kbisect/shared/gen/kbisect/v1/job';
import { termsOf } from '../src/report/terms.js';
import { withConnection } from './connection.js';
import { resultText } from './job-result.js';
import { jobResult } from '../src/report/job-json.js';
import { printable } from './printable.js';

/** Shows one job: what was asked, and where it stands or how it ended. */
export async function job(
  coordinator: string,
  id: string,
  options: { readonly json?: boolean },
): Promise<void> {
  const found = await withConnection(coordinator, (connection) =>
    connection.call<Job>((...rest) => connection.farm.getJob({ job: id }, ...rest)),
  );
  process.stdout.write(options.json ? `${JSON.stringify(jobResult(found))}\n` : jobText(found));
}

function jobText(found: Job): string {
  const { spec } = found;
  const terms = termsOf(spec?.mode ?? Mode.MODE_ANY);
  const ends = spec ? [`${terms.new}: ${spec.new}`, ...spec.olds.map((old) => `${terms.old}: ${old}`)] : [];
  const { priority, requires } = jobResult(found);
  const asked = [`priority: ${priority}`, ...requires.map((label) => `requires: ${printable(label)}`)];
  return [`job ${found.id}: ${printable(found.title)}`, ...ends, ...asked, resultText(found), ''].join('\n');
}
