import type { CommitGraph } from '@kbisect/coordinator/search/graph';
import { seededRandom } from '@kbisect/coordinator/search/random';
import { mean } from '@kbisect/coordinator/sim/summary';
import type { Figure } from './figures.js';
import { GitBisection } from './git-bisection.js';
import type { KernelRange } from './kernel-range.js';
import { OneAtATime } from './one-at-a-time.js';
import { drawCulprits, say, simulate } from './simulated.js';
import { straightHistory } from './straight-history.js';

/** Asked for so that what is measured is 99 % even if luck is not on its side. */
const CONFIDENCE = 0.995;

/** The bug shows in half of the boots, and never elsewhere: against 10 runs of each commit, 20 when flaky. */
export async function searchNoise(
  { git, release }: KernelRange,
  graph: CommitGraph,
  count: number,
): Promise<Figure[]> {
  const culprits = drawCulprits(graph, count);
  const jobs = simulate(graph, culprits, { miss: 0.5 }, { noise: { confidence: CONFIDENCE } });
  const boots = mean(jobs.map((job) => job.tests));
  say(`${count} jobs that ask for ${100 * CONFIDENCE} %: ${boots.toFixed(1)} boots; now git's own bisection`);
  const bisection = new GitBisection(git, release, graph);
  const all: number[] = [];
  const early: number[] = [];
  for (const culprit of culprits) {
    const verdicts = await bisection.verdicts(culprit);
    // 10 of the new end show that it is flaky; 20 of the old end and of each commit from then on.
    all.push(10 + 20 + 20 * (verdicts.new + verdicts.old));
    // If runs of a commit end with the first failure, which takes two on average.
    early.push(2 + 20 + 2 * verdicts.new + 20 * verdicts.old);
  }
  say(`10 or 20 runs: ${mean(all).toFixed(1)}, or ${mean(early).toFixed(1)} when each stops at a failure`);
  const right = (100 * jobs.filter((job) => job.correct).length) / jobs.length;
  return [
    { what: 'right when the bug shows in half of the boots', measured: right, unit: '%', atLeast: 99 },
    {
      what: 'boots for it, of those of 10 or 20 runs each',
      measured: boots / mean(all),
      unit: 'times',
      atMost: 1 / 3,
    },
  ];
}

/** Tests until a culprit is 95 % sure on straight history, boots alone counting, beside git_bayesect's way. */
export function straightNoise(size: number, count: number): Figure[] {
  const graph = straightHistory(size);
  const culprits = drawCulprits(graph, count);
  return [0, 0.1].flatMap((falseAlarm) => {
    const model = { miss: 0.5, falseAlarm, buildSeconds: 0 };
    const jobs = simulate(graph, culprits, model, { noise: { confidence: 0.95 } });
    const theirs = culprits.map((culprit, number) => oneAtATime(size, culprit, falseAlarm, number));
    const right = theirs.filter((job) => job.correct).length;
    const ours = jobs.filter((job) => job.correct).length;
    const tests = mean(theirs.map((job) => job.tests));
    const bayesect = `one at a time needs ${tests.toFixed(1)} tests, ${right} right; the search has ${ours} right`;
    say(`straight history, ${falseAlarm} false alarms, ${count} jobs: ${bayesect}`);
    const what = `tests on straight history, ${100 * falseAlarm} % false alarms`;
    return [{ what, measured: mean(jobs.map((job) => job.tests)), unit: 'tests', atMost: tests }];
  });
}

function oneAtATime(size: number, culprit: number, falseAlarm: number, seed: number) {
  const search = new OneAtATime(size + 1);
  const first = culprit + 1; // its place after the old end
  const random = seededRandom(seed);
  let tests = 0;
  while (search.best.confidence < 0.95) {
    const commit = search.choose();
    search.observe(commit, random() < (commit >= first ? 0.5 : falseAlarm));
    tests++;
  }
  return { tests, correct: search.best.culprit === first };
}
