import type { Foresight } from './entropy.js';
import { OLD_END, type CommitIndex } from './graph.js';
import type { Ancestors } from './hypotheses.js';

/** Gains below this many bits are the noise of the arithmetic. */
const NOTHING = 1e-9;

/** Hypotheses among which tests are chosen for the rounds that they leave: of 8 tests a round, those of the last two or three. */
const FEW = 324;

/** Exchanged are so many tests at most: each is compared with every option, and more than these leave few rounds anyway. */
const MAX_EXCHANGED = 16;

/**
 * Beside tests in flight, one that tells less than this share of what the most telling does waits for them, where there is
 * noise: it always tells something, and a test that takes long would have others repeated without end.
 */
export const WORTH_WAITING = 0.05;

/** By what the information of a test is weighed, 0 for what is not to be tested: of each commit and of the old end. */
export interface Worth {
  readonly commits: Float64Array;
  readonly oldEnd: number;
}

/**
 * Chooses up to `slots` commits whose outcomes, together with those in flight, tell the most about the culprit for
 * their worth. Greedy by joint information, which is submodular: what a test gains by itself bounds what it gains
 * beside others, so that few gains have to be computed again (lazy greedy, Minoux 1978).
 * @param foresight what tests will tell, none added yet; those in flight and those chosen are added to it
 * @param least of what the most telling test tells, the share that one has to tell beside those in flight
 */
export function selectCommits(
  ancestors: Ancestors,
  foresight: Foresight,
  inFlight: readonly CommitIndex[],
  slots: number,
  worth: Worth,
  least = 0,
): CommitIndex[] {
  const options = representatives(ancestors, worth).map((commit) => {
    const bits = foresight.gain(commit);
    return { commit, bits, bound: bits * worthOf(worth, commit) };
  });
  const waits = least > 0 && inFlight.length > 0;
  const enough = waits ? Math.max(NOTHING, least * mostOf(options, inFlight, foresight)) : NOTHING;
  for (const commit of inFlight) foresight.add(commit);
  const chosen: CommitIndex[] = [];
  while (chosen.length < slots) {
    options.sort((one, other) => other.bound - one.bound);
    let best: (typeof options)[number] | undefined;
    for (const option of options) {
      if (best !== undefined && option.bound <= best.bound) break;
      if (option.bits <= NOTHING) continue;
      option.bits = foresight.gain(option.commit);
      option.bound = option.bits * worthOf(worth, option.commit);
      if (option.bits > enough && (best === undefined || option.bound > best.bound)) best = option;
    }
    if (best === undefined) break;
    chosen.push(best.commit);
    foresight.add(best.commit);
    best.bits = best.bound = 0;
  }
  const few = (foresight.exchange?.hypotheses ?? Infinity) <= FEW;
  if (few && inFlight.length === 0 && chosen.length > 1 && chosen.length <= MAX_EXCHANGED)
    exchangeForRounds(chosen, options, foresight, worth);
  return chosen;
}

/** What the most telling test tells by itself, in bits, among those that could be chosen and those in flight. */
function mostOf(
  options: readonly { readonly bits: number }[],
  inFlight: readonly CommitIndex[],
  foresight: Foresight,
): number {
  const most = options.reduce((bits, option) => Math.max(bits, option.bits), 0);
  return inFlight.reduce((bits, commit) => Math.max(bits, foresight.gain(commit)), most);
}

/**
 * For the last rounds: puts in the place of each chosen commit one that is no less worth and leaves fewer rounds. Tests
 * that tell the most part the candidates evenly; but two that stay together take as long as many, and one is found at once.
 */
function exchangeForRounds(
  chosen: CommitIndex[],
  options: readonly { readonly commit: CommitIndex }[],
  foresight: Foresight,
  worth: Worth,
): void {
  const { exchange } = foresight;
  if (exchange === undefined) return;
  chosen.forEach((old, place) => {
    exchange.remove(old);
    let best = old;
    let least = exchange.roundsAfter(old, chosen.length) - NOTHING;
    for (const { commit } of options) {
      if (worthOf(worth, commit) < worthOf(worth, old)) continue;
      const rounds = exchange.roundsAfter(commit, chosen.length);
      if (rounds < least) [best, least] = [commit, rounds];
    }
    foresight.add(best);
    chosen[place] = best;
  });
}

function worthOf({ commits, oldEnd }: Worth, commit: CommitIndex): number {
  return commit === OLD_END ? oldEnd : commits[commit]!;
}

/** Of the commits that have the same hypotheses among their ancestors, the worthiest; the oldest of equals. */
function representatives(ancestors: Ancestors, worth: Worth): CommitIndex[] {
  const chosen: CommitIndex[] = [];
  const places = new Map<number, number>();
  for (let commit = OLD_END; commit < ancestors.graph.size; commit++) {
    const value = worthOf(worth, commit);
    if (value === 0) continue;
    const hash = ancestors.hash(commit);
    const place = places.get(hash);
    if (place === undefined) {
      places.set(hash, chosen.length);
      chosen.push(commit);
    } else if (!ancestors.same(chosen[place]!, commit)) {
      chosen.push(commit);
    } else if (value > worthOf(worth, chosen[place]!)) {
      chosen[place] = commit;
    }
  }
  return chosen;
}
