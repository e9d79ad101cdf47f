import { createInterface } from 'node:readline/promises';
import { KbisectError } from '@kbisect/shared/errors';
import { cancelJob } from './cancel.js';

/**
 * What becomes of a job whose watcher was interrupted: on a terminal that is asked, and without an answer it goes on.
 * @throws KbisectError `cancelled`, always: in its words is what became of the job
 */
export async function leave(coordinator: string, job: string): Promise<never> {
  if (await isToBeCancelled(job)) {
    await cancelJob(coordinator, job);
    throw new KbisectError('cancelled', `job ${job} is cancelled`);
  }
  throw new KbisectError(
    'cancelled',
    `job ${job} goes on; 'kbisect watch ${job}' follows it, 'kbisect cancel ${job}' stops it`,
  );
}

async function isToBeCancelled(job: string): Promise<boolean> {
  const { stdin: input, stderr: output } = process;
  if (!input.isTTY || !output.isTTY) return false;
  const line = createInterface({ input, output });
  try {
    // Ctrl-C once more, or the end of the input, is no answer.
    const none = new Promise<string>((resolve) => {
      line.once('SIGINT', () => resolve(''));
      line.once('close', () => resolve(''));
    });
    const answer = await Promise.race([none, line.question(`detach from job ${job}, or cancel it? [d/c] `)]);
    return answer.trim().toLowerCase() === 'c';
  } finally {
    line.close();
  }
}
