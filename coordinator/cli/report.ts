import type { GetReportResponse } from '@kbisect/shared/gen/kbisect/v1/farm';
import { withConnection } from './connection.js';
import { printableLines } from './printable.js';

/** Prints the report of a job: what was found, and on what evidence. */
export async function report(coordinator: string, job: string): Promise<void> {
  const { text } = await withConnection(coordinator, (connection) =>
    connection.call<GetReportResponse>((...rest) => connection.farm.getReport({ job }, ...rest)),
  );
  process.stdout.write(`${printableLines(text).replace(/\n$/, '')}\n`);
}
