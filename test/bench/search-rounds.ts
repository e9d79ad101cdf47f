import type { CommitGraph } from '@kbisect/coordinator/search/graph';
import { suspectPrior } from '@kbisect/coordinator/search/priors';
import { mean, summarize } from '@kbisect/coordinator/sim/summary';
import type { Figure } from './figures.js';
import { GitBisection } from './git-bisection.js';
import type { KernelRange } from './kernel-range.js';
import { drawCulprits, FARM, say, simulate } from './simulated.js';

/** Rounds with a barrier and virtual time without it, for culprits drawn at random. */
export async function searchRounds(
  { git, release }: KernelRange,
  graph: CommitGraph,
  count: number,
): Promise<Figure[]> {
  const culprits = drawCulprits(graph, count);
  const rounds = (agents: number) => simulate(graph, culprits, { agents, barrier: true });
  const one = mean(rounds(1).map((job) => job.rounds));
  say(`${count} culprits with one agent: ${one.toFixed(2)} rounds; now git's own bisection`);
  const bisection = new GitBisection(git, release, graph);
  const gits: number[] = [];
  for (const culprit of culprits) {
    const verdicts = await bisection.verdicts(culprit);
    gits.push(verdicts.new + verdicts.old);
  }
  const eight = summarize(rounds(8));
  const free = summarize(simulate(graph, culprits, { agents: 8 }));
  const bound = (Math.log(graph.size) / Math.log(9)) * (FARM.buildSeconds + FARM.trialSeconds);
  const saved = 100 * (1 - free.virtualSeconds.mean / eight.virtualSeconds.mean);
  say(
    `with 8 agents: ${free.virtualSeconds.mean.toFixed(0)} s, with a barrier ${eight.virtualSeconds.mean.toFixed(0)} s`,
  );
  return [
    { what: "mean rounds, k=1, against git's own", measured: one, unit: 'rounds', atMost: mean(gits) },
    { what: 'mean rounds, k=8', measured: eight.rounds.mean, unit: 'rounds', atMost: 4.5 },
    {
      what: 'mean rounds, k=16',
      measured: mean(rounds(16).map((job) => job.rounds)),
      unit: 'rounds',
      atMost: 3.9,
    },
    { what: 'time saved without a barrier, k=8', measured: saved, unit: '%', atLeast: 20 },
    {
      what: 'the same beside log_9 n',
      measured: free.virtualSeconds.mean / bound,
      unit: 'times',
      atMost: 1.25,
    },
  ];
}

/** What a suspicion that points elsewhere costs. */
export function wrongPrior(graph: CommitGraph, count: number): Figure[] {
  const culprits = drawCulprits(graph, count);
  const costs = culprits.map((culprit) => {
    const suspects = [1, 2, 3, 4, 5].map(
      (step) => (culprit + step * Math.floor(graph.size / 7)) % graph.size,
    );
    const prior = suspectPrior(graph, [{ commits: suspects, weight: 1000 }]);
    const [without] = simulate(graph, [culprit], {});
    const [misled] = simulate(graph, [culprit], {}, { prior });
    return misled!.tests - without!.tests;
  });
  const most = costs.reduce((high, cost) => Math.max(high, cost), 0);
  return [
    { what: 'tests that a wrong suspicion costs, mean', measured: mean(costs), unit: 'tests', atMost: 2 },
    { what: 'the same, at most', measured: most, unit: 'tests', atMost: 2 },
  ];
}
