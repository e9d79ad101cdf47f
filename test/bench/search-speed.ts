import { availableParallelism, loadavg } from 'node:os';
import { readGraph } from '@kbisect/coordinator/git-range';
import type { CommitGraph } from '@kbisect/coordinator/search/graph';
import { Search } from '@kbisect/coordinator/search/search';
import { quantile } from '@kbisect/coordinator/sim/summary';
import type { Figure } from './figures.js';
import type { KernelRange } from './kernel-range.js';
import { say } from './simulated.js';

/** Searches of which the median is taken: what else the machine does meets only some of them. */
const REPEATS = { large: 3, small: 15 };

/** Loading and choosing, against git's own time for the same in the same run. */
export async function searchSpeed({ git, all, release }: KernelRange): Promise<Figure[]> {
  const list = await fastest(() =>
    git.text(['rev-list', '--parents', all.new], { onOutput: () => undefined }),
  );
  let graph: CommitGraph | undefined;
  const load = await fastest(async () => (graph = await readGraph(git, all)));
  const memory = process.resourceUsage().maxRSS / 1024;
  say(`loading ${graph!.size} commits takes ${seconds(load)}, git rev-list ${seconds(list)}`);
  const large = choiceTimes(graph!, REPEATS.large);
  const small = choiceTimes(await readGraph(git, release), REPEATS.small);
  say(`load average ${loadavg()[0]!.toFixed(1)} on ${availableParallelism()} cores`);
  const vars = async (ends: readonly string[]) => {
    const started = performance.now();
    await git.text(['rev-list', '--bisect-vars', ...ends]);
    return performance.now() - started;
  };
  const gitSmall = await vars([release.new, '--not', ...release.olds]);
  say(`git rev-list --bisect-vars takes ${seconds(gitSmall)} for the release, and now for all history`);
  const gitLarge = await vars([all.new]);
  say(`git rev-list --bisect-vars takes ${seconds(gitLarge)} for all history`);
  return [
    { what: 'load all history, beside git rev-list', measured: load / list, unit: 'times', atMost: 2 },
    { what: 'memory of the whole process then', measured: memory, unit: 'MiB', atMost: 300 },
    { what: 'choose 8 of all history', measured: large.first, unit: 'ms', atMost: 1000 },
    { what: 'faster than git chooses one', measured: gitLarge / large.first, unit: 'times', atLeast: 50 },
    { what: 'choose 8 of a release', measured: small.first, unit: 'ms', atMost: 50 },
    { what: 'faster than git chooses one', measured: gitSmall / small.first, unit: 'times', atLeast: 1 },
    { what: 'choose again after a verdict, release', measured: small.again, unit: 'ms', atMost: 20 },
  ];
}

/** Median milliseconds of a first choice of 8 and, from its first verdict on, of taking in one and choosing anew. */
function choiceTimes(graph: CommitGraph, repeats: number): { first: number; again: number } {
  const first: number[] = [];
  const again: number[] = [];
  for (let repeat = 0; repeat < repeats; repeat++) {
    const search = new Search(graph, { seed: repeat });
    let started = performance.now();
    let inFlight = search.choose({ slots: 8, inFlight: [] });
    first.push(performance.now() - started);
    while (inFlight.length > 0) {
      const [done, ...others] = inFlight;
      started = performance.now();
      search.observe(done!, repeat % 2 === 0 ? 'old' : 'new');
      const futile = search.futile(others);
      inFlight = others.filter((commit) => !futile.includes(commit));
      inFlight.push(...search.choose({ slots: 8 - inFlight.length, inFlight }));
      again.push(performance.now() - started);
    }
  }
  return { first: quantile(first, 0.5), again: quantile(again, 0.5) };
}

async function fastest(work: () => Promise<unknown>): Promise<number> {
  let least = Infinity;
  for (let repeat = 0; repeat < 3; repeat++) {
    const started = performance.now();
    await work();
    least = Math.min(least, performance.now() - started);
  }
  return least;
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(2)} s`;
}
