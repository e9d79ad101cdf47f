import type { Foresight } from './entropy.js';
import type { CommitIndex } from './graph.js';
import type { Ancestors } from './hypotheses.js';

/** Gains below this many bits are the noise of the arithmetic. */
const NOTHING = 1e-9;

/**
 * Chooses up to `slots` commits whose outcomes together tell the most about the culprit, each weighed by its worth
 * (0: not to be tested). Greedy by joint information, which is submodular: a gain computed earlier bounds today's,
 * so that few have to be computed again (lazy greedy, Minoux 1978).
 * @param foresight what the tests in flight will tell; the chosen ones are added to it
 */
export function selectCommits(
  ancestors: Ancestors,
  foresight: Foresight,
  slots: number,
  worth: Float64Array,
): CommitIndex[] {
  const options = representatives(ancestors, worth).map((commit) => {
    return { commit, bits: Infinity, bound: Infinity };
  });
  const chosen: CommitIndex[] = [];
  while (chosen.length < slots) {
    let best: (typeof options)[number] | undefined;
    for (const option of options) {
      if (best !== undefined && option.bound <= best.bound) break;
      if (option.bits <= NOTHING) continue;
      option.bits = foresight.gain(option.commit);
      option.bound = option.bits * worth[option.commit]!;
      if (option.bits > NOTHING && (best === undefined || option.bound > best.bound)) best = option;
    }
    if (best === undefined) break;
    chosen.push(best.commit);
    foresight.add(best.commit);
    best.bits = best.bound = 0;
    options.sort((one, other) => other.bound - one.bound);
  }
  return chosen;
}

/** Of the commits that have the same hypotheses among their ancestors, the worthiest; the oldest of equals. */
function representatives(ancestors: Ancestors, worth: Float64Array): CommitIndex[] {
  const chosen: CommitIndex[] = [];
  const places = new Map<number, number>();
  for (let commit = 0; commit < ancestors.graph.size; commit++) {
    const value = worth[commit]!;
    if (value === 0) continue;
    const hash = ancestors.hash(commit);
    const place = places.get(hash);
    if (place === undefined) {
      places.set(hash, chosen.length);
      chosen.push(commit);
    } else if (!ancestors.same(chosen[place]!, commit)) {
      chosen.push(commit);
    } else if (value > worth[chosen[place]!]!) {
      chosen[place] = commit;
    }
  }
  return chosen;
}
