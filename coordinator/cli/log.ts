import type { GetLogResponse } from '@kbisect/shared/gen/kbisect/v1/farm';
import { withConnection } from './connection.js';
import { printableLines } from './printable.js';

/** Prints the `git bisect log` of a job. */
export async function log(coordinator: string, job: string): Promise<void> {
  const { log: text } = await withConnection(coordinator, (connection) =>
    connection.call<GetLogResponse>((...rest) => connection.farm.getLog({ job }, ...rest)),
  );
  process.stdout.write(`${printableLines(text).replace(/\n$/, '')}\n`);
}
