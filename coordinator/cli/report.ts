import { GetReportRequest_Format, type GetReportResponse } from '@kbisect/shared/gen/kbisect/v1/farm';
import { withConnection } from './connection.js';
import { printableLines } from './printable.js';

/** Prints the report of a job: what was found, and on what evidence; of a culprit an e-mail to those whom it concerns. */
export async function report(
  coordinator: string,
  job: string,
  { json, html }: { readonly json?: boolean; readonly html?: boolean },
): Promise<void> {
  const format = json
    ? GetReportRequest_Format.FORMAT_JSON
    : html
      ? GetReportRequest_Format.FORMAT_HTML
      : GetReportRequest_Format.FORMAT_TEXT;
  const { text } = await withConnection(coordinator, (connection) =>
    connection.call<GetReportResponse>((...rest) => connection.farm.getReport({ job, format }, ...rest)),
  );
  process.stdout.write(`${printableLines(text).replace(/\n$/, '')}\n`);
}
