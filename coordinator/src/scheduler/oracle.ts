import { Mode, Verdict, type Outcome } from '@kbisect/shared/gen/kbisect/v1/job';
import type { Wanted } from './new-when.js';

/**
 * What a trial showed of the behaviour that is searched, in a form that two trials of the same behaviour share.
 * Trials that say nothing of it (a broken harness, a missing device, a request to skip) show nothing.
 */
export type Showing = 'pass' | 'fail' | 'hang' | `crash: ${string}` | Wanted['showing'];

/**
 * What the two proved ends show, a crash's signature included. A commit belongs to the end that shows what it shows; one
 * that crashes in another way than the new end has another bug and belongs to neither.
 */
export interface Proof {
  readonly old: Showing;
  readonly new: Showing;
}

/** Which behaviour a job expects at its ends. */
export type Expectation = 'old-passes' | 'new-passes' | 'any';

/** A `--run` command says 0 for old whatever is searched, as for `git bisect run`. */
export function expectation(mode: Mode, test: 'boot' | 'run'): Expectation {
  if (test === 'run' || mode === Mode.MODE_REGRESSION) return 'old-passes';
  return mode === Mode.MODE_FIX ? 'new-passes' : 'any';
}

/** What one trial shows, if anything. What is wanted is shown in its own words, whatever else came with it. */
export function shownBy(outcome: Outcome, wanted?: Wanted): Showing | undefined {
  if (wanted?.isShownBy(outcome)) return wanted.showing;
  switch (outcome.kind?.$case) {
    case 'pass':
    case 'fail':
    case 'hang':
      return outcome.kind.$case;
    case 'crash':
      return `crash: ${outcome.kind.value.signature}`;
    case 'outputMatched': // of no job that looks for it
    case 'harnessBroken':
    case 'environmentMissing':
    case 'untestable':
    case 'infraError':
    case undefined:
      return undefined;
  }
}

/** An outcome in words, for reasons and logs. */
export function describeOutcome(outcome: Outcome): string {
  switch (outcome.kind?.$case) {
    case 'pass':
      return 'PASS';
    case 'fail':
      return 'FAIL';
    case 'hang':
      return 'hang';
    case 'crash':
      return `crash: ${outcome.kind.value.signature}`;
    case 'harnessBroken':
      return `harness broken: ${outcome.kind.value.reason}`;
    case 'environmentMissing':
      return `the guest lacks ${outcome.kind.value.what}`;
    case 'outputMatched':
      return `output: ${outcome.kind.value.line}`;
    case 'untestable':
      return `untestable: ${outcome.kind.value.reason}`;
    case 'infraError':
      return `infrastructure error: ${outcome.kind.value.reason}`;
    case undefined:
      return 'no outcome';
  }
}

/** What an end's trials show together: what is wanted, or else the trouble, if any of them had it, else pass. */
export function shownByAll(outcomes: readonly Outcome[], wanted?: Wanted): Showing | undefined {
  const showings = outcomes.map((outcome) => shownBy(outcome, wanted));
  if (showings.includes(undefined)) return undefined;
  if (wanted && showings.includes(wanted.showing)) return wanted.showing;
  return showings.find((showing) => showing !== 'pass') ?? showings[0];
}

/** Whether two ends can be told apart, and are the right way round. */
export type EndsCheck =
  | { kind: 'proved'; proof: Proof }
  | { kind: 'no-difference'; reason: string }
  | { kind: 'wrong-way-round'; reason: string };

/** Compares what old and new show with what the job expects of them. */
export function checkEnds(old: Showing, neu: Showing, expected: Expectation, wanted?: Wanted): EndsCheck {
  if (old === neu) {
    return {
      kind: 'no-difference',
      reason: `old and new show the same (${old}): there is nothing to bisect`,
    };
  }
  const proof: Proof = { old, new: neu };
  if (wanted) {
    if (neu === wanted.showing) return { kind: 'proved', proof };
    return old === wanted.showing
      ? wrongWay(`old, not new, shows ${old}: exchange the two`)
      : { kind: 'no-difference', reason: `new shows ${neu}, not ${wanted.showing} (and old shows ${old})` };
  }
  if (expected === 'any') return { kind: 'proved', proof };
  if (expected === 'old-passes') {
    if (old === 'pass') return { kind: 'proved', proof };
    if (neu === 'pass')
      return wrongWay(`old shows ${old} and new passes: to find the fix, use --broken and --fixed`);
    return {
      kind: 'no-difference',
      reason: `old shows ${old}, it does not pass, and neither does new (${neu})`,
    };
  }
  if (neu === 'pass') return { kind: 'proved', proof };
  if (old === 'pass')
    return wrongWay(`old passes and new shows ${neu}: to find the regression, use --good and --bad`);
  return {
    kind: 'no-difference',
    reason: `new shows ${neu}, it does not pass, and neither does old (${old})`,
  };
}

/**
 * The verdict on a commit from its trials so far, or undefined when more of the `runs` are needed. The showing
 * that is not a pass tells: seen once it decides, as a flaky bug does not show in every trial.
 */
export function judge(
  outcomes: readonly Outcome[],
  runs: number,
  proof: Proof,
  wanted?: Wanted,
): { verdict: Verdict; reason: string } | undefined {
  const telling = proof.new === 'pass' ? 'old' : 'new';
  const other = telling === 'new' ? 'old' : 'new';
  const showings = outcomes.map((outcome) => shownBy(outcome, wanted));
  if (showings.includes(proof[telling])) return { verdict: verdictOf(telling), reason: proof[telling] };
  if (outcomes.length < runs) return undefined;
  if (showings.every((showing) => showing === proof[other])) {
    return { verdict: verdictOf(other), reason: proof[other] };
  }
  const strange = outcomes.find((outcome) => shownBy(outcome, wanted) !== proof[other]);
  return {
    verdict: Verdict.VERDICT_SKIP,
    reason: `${strange ? describeOutcome(strange) : 'no outcome'}, which neither end shows`,
  };
}

function verdictOf(side: 'old' | 'new'): Verdict {
  return side === 'old' ? Verdict.VERDICT_OLD : Verdict.VERDICT_NEW;
}

function wrongWay(reason: string): EndsCheck {
  return { kind: 'wrong-way-round', reason };
}
