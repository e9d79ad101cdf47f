import { descendantsOf } from '../search/ancestry.js';
import { OLD_END, type CommitGraph, type CommitIndex } from '../search/graph.js';
import { seededRandom } from '../search/random.js';
import { Search, type Conclusion, type SearchOptions } from '../search/search.js';
import { SimulatedTests, type FarmModel } from './farm.js';
import { drawUntestable } from './untestable.js';

/** What became of one simulated job. */
export interface SimulatedJob {
  readonly conclusion: Conclusion;
  /** The culprit is the one named, or one of the candidates left. */
  readonly correct: boolean;
  /** The longest chain of tests of which each was chosen after the one before had ended. */
  readonly rounds: number;
  /** Tests that ended, those of the ends included where there is noise. */
  readonly tests: number;
  readonly withdrawn: number;
  readonly virtualSeconds: number;
  /** Milliseconds of computing, on the clock handed in: the first choice, then each verdict and what follows. */
  readonly selectMs: readonly number[];
}

/** Trials by which the rates are learned at first: of the new end until it fails once, and of the old end. */
const NEW_END_TRIALS = 20;
const OLD_END_TRIALS = 3;

interface Running {
  readonly commit: CommitIndex;
  readonly ends: number;
  readonly round: number;
}

/**
 * Searches for `culprit` under virtual time, with the search that the daemon runs.
 * @param now a clock in milliseconds, for what the choices cost
 */
export function simulateJob(
  graph: CommitGraph,
  culprit: CommitIndex,
  model: FarmModel,
  seed: number,
  now: () => number,
  options: Partial<SearchOptions> = {},
): SimulatedJob {
  const untestable = drawUntestable(graph, model.skipRate, seededRandom(seed));
  const tests = new SimulatedTests(model, descendantsOf(graph, [culprit]), untestable, seed);
  const noisy = model.miss > 0 || model.falseAlarm > 0;
  const search = new Search(graph, { seed, ...(noisy ? { noise: {} } : {}), ...options });
  const selectMs: number[] = [];
  let running: Running[] = [];
  let clock = 0;
  let round = 0;
  let ended = noisy ? proveEnds(search, tests, graph.size - 1) : 0;
  let withdrawn = 0;
  let started = now();
  for (;;) {
    const inFlight = running.map(({ commit }) => commit);
    const chosen = search.choose({
      slots: model.agents - inFlight.length,
      inFlight,
      cost: (commit) => tests.expectedSeconds(commit),
    });
    selectMs.push(now() - started);
    running.push(
      ...chosen.map((commit) => ({ commit, ends: clock + tests.seconds(commit), round: round + 1 })),
    );
    if (running.length === 0) break;
    running.sort((one, other) => one.ends - other.ends);
    const done = running.splice(0, model.barrier ? running.length : 1);
    ended += done.length;
    started = now();
    for (const { commit, ends, round: its } of done) {
      clock = ends;
      round = Math.max(round, its);
      search.observe(commit, tests.read(commit));
    }
    const futile = new Set(search.futile(running.map(({ commit }) => commit)));
    withdrawn += futile.size;
    running = running.filter(({ commit }) => !futile.has(commit));
  }
  const conclusion = search.conclusion();
  const correct =
    (conclusion.kind === 'found' && conclusion.culprit === culprit) ||
    (conclusion.kind === 'ambiguous' && conclusion.candidates.includes(culprit));
  return { conclusion, correct, rounds: round, tests: ended, withdrawn, virtualSeconds: clock, selectMs };
}

function proveEnds(search: Search, tests: SimulatedTests, tip: CommitIndex): number {
  for (let trial = 0; trial < OLD_END_TRIALS; trial++) search.observe(OLD_END, tests.read(OLD_END));
  let trials = 1;
  for (; trials <= NEW_END_TRIALS; trials++) {
    const reading = tests.read(tip);
    search.observe(tip, reading);
    if (reading === 'new') break;
  }
  return OLD_END_TRIALS + Math.min(trials, NEW_END_TRIALS);
}
