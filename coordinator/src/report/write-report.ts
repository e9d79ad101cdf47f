import { GetReportRequest_Format } from '@kbisect/shared/gen/kbisect/v1/farm';
import type { BlobRef } from '@kbisect/shared/gen/kbisect/v1/job';
import type { Journal } from '../journal/journal.js';
import type { Repository } from '../repository.js';
import type { KnownJob } from '../scheduler/past-job.js';
import { jobWithEvents } from '../whole-job.js';
import { gatherReport } from './gather-report.js';
import { reportDocument } from './report-document.js';
import { reportHtml } from './report-html.js';
import { isFound, reportMail } from './report-mail.js';
import { reportText } from './report-text.js';

/** Where a report's facts are. */
export interface ReportPlaces {
  readonly journal: Journal;
  readonly repository: Repository;
  /** A blob of the cache as text. */
  readonly readText: (digest: string, size: number) => Promise<string>;
}

/** The report of a job, over or not, in a format. */
export async function writeReport(
  known: KnownJob,
  format: GetReportRequest_Format,
  { journal, repository, readText }: ReportPlaces,
): Promise<string> {
  const { git } = repository;
  const { job, events } = await jobWithEvents(known, journal);
  const read = ({ digest, size }: BlobRef) => readText(digest, size);
  const report = await gatherReport(job, { git, events, readConsole: read, readConfig: read });
  switch (format) {
    case GetReportRequest_Format.FORMAT_JSON:
      return `${JSON.stringify(reportDocument.parse(report), undefined, 2)}\n`;
    case GetReportRequest_Format.FORMAT_HTML:
      return reportHtml(report);
    case GetReportRequest_Format.FORMAT_TEXT:
    case GetReportRequest_Format.FORMAT_UNSPECIFIED:
      return isFound(report) ? reportMail(report) : await reportText(job, git);
  }
}
