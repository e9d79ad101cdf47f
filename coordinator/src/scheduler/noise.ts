import type { Outcome } from '@kbisect/shared/gen/kbisect/v1/job';
import { DEFAULT_NOISE, type NoiseModel } from '../search/noise.js';
import type { Wanted } from './new-when.js';
import { shownBy, type Expectation, type Proof, type Showing } from './oracle.js';

/** A job's answer is given when it is so likely right. */
export const CONFIDENCE = 0.99;

/** What the trials of one commit show together, and how many of those that show anything show it. */
export interface Tally {
  readonly showing: Showing;
  readonly times: number;
  readonly of: number;
}

/**
 * What is wanted or else, of the troubles that the trials show, the one that shows most often, or else pass; undefined
 * when no trial shows anything.
 */
export function tally(outcomes: readonly Outcome[], wanted: Wanted | undefined): Tally | undefined {
  const counts = new Map<Showing, number>();
  for (const outcome of outcomes) {
    const showing = shownBy(outcome, wanted);
    if (showing !== undefined) counts.set(showing, (counts.get(showing) ?? 0) + 1);
  }
  const of = [...counts.values()].reduce((sum, count) => sum + count, 0);
  const troubles = [...counts].filter(([showing]) => showing !== 'pass').sort(([, a], [, b]) => b - a);
  const [showing, times] =
    troubles.find(([trouble]) => trouble === wanted?.showing) ?? troubles[0] ?? (['pass', of] as const);
  return of === 0 ? undefined : { showing, times, of };
}

/**
 * What two ends show that both have some trouble: the one that is expected to have it shows it clearly more often, and
 * the other counts as passing. As they are, when that is not so.
 */
export function toldApart(old: Tally, neu: Tally, expected: Expectation): { old: Showing; new: Showing } {
  const as = { old: old.showing, new: neu.showing };
  if (old.showing !== neu.showing || old.showing === 'pass') return as;
  const difference = standardErrors(old, neu);
  if (difference > CLEARLY && expected !== 'new-passes') return { ...as, old: 'pass' };
  if (difference < -CLEARLY && expected !== 'old-passes') return { ...as, new: 'pass' };
  return as;
}

/** 99 % of differences that are none are smaller, in standard errors. */
const CLEARLY = 2.33;

/** By how many standard errors new shows something more often than old. */
function standardErrors(old: Tally, neu: Tally): number {
  const rate = ({ times, of }: Tally) => (times + 0.5) / (of + 1);
  const pooled = (old.times + neu.times + 1) / (old.of + neu.of + 2);
  return (rate(neu) - rate(old)) / Math.sqrt(pooled * (1 - pooled) * (1 / old.of + 1 / neu.of));
}

/** Where the trouble is, so many trials show it at least once, 99 times of 100; no more are made. */
const MOST_TRIALS = 30;

/** How many trials of a commit show the trouble, if it has it, with a chance of 99 %. @param outcomes of an end that has it */
export function trialsToBeSure(
  outcomes: readonly Outcome[],
  trouble: Showing,
  wanted: Wanted | undefined,
): number {
  const times = outcomes.filter((outcome) => shownBy(outcome, wanted) === trouble).length;
  const rate = (times + 0.5) / (outcomes.length + 1);
  return Math.min(MOST_TRIALS, Math.ceil(Math.log(1 - CONFIDENCE) / Math.log(1 - rate)));
}

/** A search that has not ended after so many times the trials of an end finds nothing any more. */
const PATIENCE = 100;

/** Trials after which a job is given up as a flake. */
export function trialLimit(runs: number): number {
  return PATIENCE * Math.max(runs, 10);
}

/** `fail`, or `fail in 3 of 10 trials`. */
export function describeTally({ showing, times, of }: Tally): string {
  return of === 1 ? showing : `${showing} in ${times} of ${of} trials`;
}

/** Which end a single trial speaks for, if any. */
export function readingOf(
  outcome: Outcome,
  proof: Proof,
  wanted: Wanted | undefined,
): 'old' | 'new' | undefined {
  const showing = shownBy(outcome, wanted);
  if (showing === proof.new) return 'new';
  return showing === proof.old ? 'old' : undefined;
}

const UNKNOWN = DEFAULT_NOISE.onNew;
const RARELY = DEFAULT_NOISE.onOld;

/**
 * What is believed of trials before any is made: the side that has the trouble shows it at a rate that nothing is known
 * of, the other seldom. The search's word for a trial that speaks for new is that it fails.
 */
export function noiseOf(proof: Proof): Partial<NoiseModel> {
  if (proof.new !== 'pass') return { onNew: UNKNOWN, onOld: RARELY };
  return { onNew: { fails: RARELY.passes, passes: RARELY.fails }, onOld: UNKNOWN };
}

/** Which end a commit's trials are likelier those of, when the ends' own are taken for their rates. */
export function nearer(
  outcomes: readonly Outcome[],
  ends: { readonly old: readonly Outcome[]; readonly new: readonly Outcome[] },
  proof: Proof,
  wanted: Wanted | undefined,
): 'old' | 'new' | undefined {
  const count = (of: readonly Outcome[]) => {
    const readings = of.flatMap((outcome) => readingOf(outcome, proof, wanted) ?? []);
    return { all: readings.length, new: readings.filter((reading) => reading === 'new').length };
  };
  const seen = count(outcomes);
  if (seen.all === 0) return undefined;
  const likelihood = (end: readonly Outcome[]) => {
    const its = count(end);
    const rate = (its.new + 0.5) / (its.all + 1);
    return seen.new * Math.log(rate) + (seen.all - seen.new) * Math.log(1 - rate);
  };
  return likelihood(ends.new) > likelihood(ends.old) ? 'new' : 'old';
}
