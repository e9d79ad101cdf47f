import { writeFile } from 'node:fs/promises';
import { systemClock } from '@kbisect/shared/clock';
import { KbisectError } from '@kbisect/shared/errors';
import type { Job } from '@kbisect/shared/gen/kbisect/v1/farm';
import { annotation, junitXml } from './ci-report.js';
import type { Connection } from './connection.js';
import { displayOn } from './display.js';
import { eventLine } from './event-line.js';
import type { ExitStatus } from './exit-status.js';
import { exitStatusOf, resultText } from './job-result.js';
import { jobResult } from '../src/report/job-json.js';
import { advance, unknownProgress } from './progress.js';
import { watchJob } from './watch-job.js';

const RETRY_MS = 1000;

/** How a job is followed. */
export interface FollowOptions {
  /** The last line is one JSON object. */
  readonly json: boolean;
  /** Where the end is told as JUnit's XML; it is an annotation on standard output then, too. */
  readonly ci?: string | undefined;
  /** Gives the subject of a commit, where it is at hand. */
  readonly subject?: (commit: string) => Promise<string | undefined>;
}

/**
 * Shows a job on standard output from its first event to its last, then what came of it.
 * @returns the exit status that tells how it ended
 * @throws KbisectError `cancelled` when the signal is aborted
 */
export async function follow(
  connection: Connection,
  id: string,
  options: FollowOptions,
  signal: AbortSignal,
): Promise<ExitStatus> {
  const display = displayOn(process.stdout, () => systemClock.now());
  let progress = unknownProgress(id);
  try {
    for await (const message of watchJob(connection.farm, id, systemClock, signal)) {
      if (message.$case === 'event') {
        const { fact } = message.value;
        const subject = fact?.$case === 'judged' ? await options.subject?.(fact.value.commit) : undefined;
        const line = eventLine(progress, message.value, display.paint, subject);
        if (line) display.line(line);
      }
      progress = advance(progress, message);
      display.show(progress);
    }
  } finally {
    display.close();
  }
  const job = await jobAt(connection, id, signal);
  if (options.ci !== undefined) {
    await writeFile(options.ci, junitXml(job));
    process.stdout.write(`${annotation(job)}\n`);
  }
  process.stdout.write(`${options.json ? JSON.stringify(jobResult(job)) : resultText(job)}\n`);
  return exitStatusOf(job.state);
}

/** How a job stands; whoever has watched it for days outlasts a coordinator that is away just then. */
async function jobAt(connection: Connection, job: string, signal: AbortSignal): Promise<Job> {
  for (;;) {
    try {
      return await connection.call<Job>((...rest) => connection.farm.getJob({ job }, ...rest), { signal });
    } catch (error) {
      if (!(error instanceof KbisectError) || error.code !== 'unavailable') throw error;
      await systemClock.sleep(RETRY_MS, signal);
    }
  }
}
