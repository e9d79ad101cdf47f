import { seededRandom } from '@kbisect/coordinator/search/random';
import type { CommitGraph, CommitIndex } from '@kbisect/coordinator/search/graph';
import { simulateJob, type SimulatedJob } from '@kbisect/coordinator/sim/simulate-job';
import type { FarmModel } from '@kbisect/coordinator/sim/farm';
import type { SearchOptions } from '@kbisect/coordinator/search/search';

/** The farm of `kbisect simulate` by default, with one agent. */
export const FARM: FarmModel = {
  agents: 1,
  buildSeconds: 120,
  spread: 0.5,
  trialSeconds: 2,
  miss: 0,
  falseAlarm: 0,
  skipRate: 0,
  barrier: false,
};

/** So many culprits of a range, the same ones each time. */
export function drawCulprits(graph: CommitGraph, count: number): CommitIndex[] {
  const random = seededRandom(1);
  return Array.from({ length: count }, () => Math.floor(random() * graph.size));
}

/** A search for each of the culprits. */
export function simulate(
  graph: CommitGraph,
  culprits: readonly CommitIndex[],
  model: Partial<FarmModel>,
  options: Partial<SearchOptions> = {},
): SimulatedJob[] {
  return culprits.map((culprit, number) =>
    simulateJob(graph, culprit, { ...FARM, ...model }, number, () => performance.now(), options),
  );
}

/** Says how a benchmark goes, on standard error. */
export function say(text: string): void {
  process.stderr.write(`bench: ${text}\n`);
}
