import { rm } from 'node:fs/promises';
import { Farm } from '../../demo/kbisect.js';
import { figuresOf, type JobFigures } from './job-events.js';
import type { Question } from './question.js';

/** A job of the farm and what became of it. */
export interface FarmBisection extends JobFigures {
  readonly seconds: number;
  readonly culprit: string;
  readonly built: number;
  readonly trials: number;
  readonly cached: number;
}

/**
 * Has a farm of one agent, which has both processors, answer a question.
 * @param more further options of `kbisect bisect`
 * @param fresh whether the farm begins with nothing
 */
export async function bisectByFarm(
  { repository, good, bad, fragment, reproducer }: Question,
  state: string,
  more: readonly string[],
  fresh: boolean,
  say: (line: string) => void,
): Promise<FarmBisection> {
  if (fresh) await rm(state, { recursive: true, force: true });
  const farm = await Farm.start(state, 1, say);
  try {
    await farm.cancelUnfinished();
    const ends = ['--repo', repository, '--good', good, '--bad', bad];
    const test = ['--config-fragment', fragment, '--reproducer', reproducer];
    // By hand nothing is certified either.
    const question = ['bisect', ...ends, ...test, ...more, '--no-certify'];
    const job = (await farm.text([...question, '--detach'])).trim();
    await farm.show(['watch', job]);
    const result = JSON.parse(await farm.text(['job', job, '--json'])) as {
      culprit: { commit: string } | null;
      seconds: number;
      builds: number;
      trials: number;
      cacheHits: number;
    };
    const { seconds, builds: built, trials, cacheHits: cached, culprit } = result;
    const figures = await figuresOf(farm.address, job);
    return { ...figures, seconds, built, trials, cached, culprit: culprit?.commit ?? '' };
  } finally {
    await farm.stop();
  }
}
