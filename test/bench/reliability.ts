import { mean } from '@kbisect/coordinator/sim/summary';
import { readGraph } from '@kbisect/coordinator/git-range';
import { kernelRange } from './kernel-range.js';
import { drawCulprits, say, simulate } from './simulated.js';

// npm run bench:reliability [-- jobs]: how often answers are right that are given at each confidence.

const FALSE_ALARMS = [0, 0.1] as const;
const LEVELS = [0.8, 0.9, 0.95, 0.99] as const;

const jobs = Number(process.argv[2] ?? 2000);
const percent = (value: number) => `${(100 * value).toFixed(1)} %`;
const range = await kernelRange();
try {
  const oldest = await range.git.resolveCommit(`${range.release.new}~30`);
  const graph = await readGraph(range.git, { ...range.release, olds: [oldest] });
  say(`${jobs} jobs of ${graph.size} commits for each rate of false alarms, bad seen in half of the boots`);
  const culprits = drawCulprits(graph, jobs);
  process.stdout.write('| good boots that fail | asked for | jobs | said, mean | right | boots |\n');
  process.stdout.write('| --- | --- | --- | --- | --- | --- |\n');
  for (const falseAlarm of FALSE_ALARMS) {
    for (const [level, confidence] of LEVELS.entries()) {
      const its = culprits.filter((_, number) => number % LEVELS.length === level);
      const done = simulate(graph, its, { miss: 0.5, falseAlarm }, { noise: { confidence } });
      const said = mean(
        done.map(({ conclusion }) => ('confidence' in conclusion ? conclusion.confidence : 0)),
      );
      const right = mean(done.map(({ correct }) => Number(correct)));
      const boots = mean(done.map(({ tests }) => tests)).toFixed(1);
      const cells = [
        percent(falseAlarm),
        percent(confidence),
        done.length,
        percent(said),
        percent(right),
        boots,
      ];
      process.stdout.write(`| ${cells.join(' | ')} |\n`);
    }
  }
} finally {
  await range.remove();
}
