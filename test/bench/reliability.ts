import { readGraph } from '@kbisect/coordinator/git-range';
import { kernelRange } from './kernel-range.js';
import { drawCulprits, say, simulate } from './simulated.js';

// npm run bench:reliability [-- jobs]: how often answers are right that are given at each confidence.

const LEVELS = [0.8, 0.9, 0.95, 0.99] as const;

const jobs = Number(process.argv[2] ?? 2000);
const range = await kernelRange();
try {
  const newest = await range.git.resolveCommit(`${range.release.new}~30`);
  const graph = await readGraph(range.git, { ...range.release, olds: [newest] });
  say(`${jobs} jobs of ${graph.size} commits, bad seen in half of the boots, one good boot in ten failing`);
  const culprits = drawCulprits(graph, jobs);
  process.stdout.write('| asked for | jobs | said, mean | right |\n| --- | --- | --- | --- |\n');
  LEVELS.forEach((confidence, level) => {
    const its = culprits.filter((_, number) => number % LEVELS.length === level);
    const done = simulate(graph, its, { miss: 0.5, falseAlarm: 0.1 }, { noise: { confidence } });
    const said = done.reduce(
      (sum, { conclusion }) => sum + ('confidence' in conclusion ? conclusion.confidence : 0),
      0,
    );
    const right = done.filter((job) => job.correct).length;
    const share = (value: number) => `${((100 * value) / done.length).toFixed(1)} %`;
    process.stdout.write(`| ${100 * confidence} % | ${done.length} | ${share(said)} | ${share(right)} |\n`);
  });
} finally {
  await range.remove();
}
