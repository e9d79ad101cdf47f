import {
  CheckKind,
  CheckResult,
  Verdict,
  type BlobRef,
  type Check,
  type Outcome,
} from '@kbisect/shared/gen/kbisect/v1/job';
import type { AgentName } from '@kbisect/shared/ids';
import { MAX_FAILURES } from './evidence.js';
import type { FactOf } from './facts.js';
import { describeOutcome } from './oracle.js';

/** A check, and what has come of it. */
export interface CheckState {
  readonly check: Check;
  readonly outcomes: Outcome[];
  buildFailure?: string;
  /** SHA-256 of what was booted. */
  image?: string;
  /** The .config that it was built with. */
  config?: BlobRef;
  /** How often it was built, not counting what was in the cache. */
  builds: number;
  readonly failedOn: AgentName[];
  lastFailure?: string;
  result: CheckResult;
  detail: string;
  verdict: Verdict;
}

/** Takes in a build that was for a check. */
export function takeBuild(state: CheckState, { value }: FactOf<'built'>): void {
  if (!value.cached) state.builds += 1;
  if (value.image === undefined) state.buildFailure = value.failure;
  else state.image = value.image.digest;
  if (value.config) state.config = value.config;
}

/** Takes in a trial that was for a check. */
export function takeTrial(state: CheckState, { value }: FactOf<'tried'>): void {
  if (value.outcome) state.outcomes.push(value.outcome);
}

/** Whether the trials of a check are evidence for the search, too: those of commits as they are. */
export function tellsSearch({ check }: CheckState): boolean {
  switch (check.kind) {
    case CheckKind.CHECK_KIND_CULPRIT:
    case CheckKind.CHECK_KIND_PARENT:
      return true;
    case CheckKind.CHECK_KIND_REVERT:
    case CheckKind.CHECK_KIND_PAIR:
    case CheckKind.CHECK_KIND_BACKPORT:
    case CheckKind.CHECK_KIND_CONFIG:
    case CheckKind.CHECK_KIND_UNSPECIFIED:
      return false;
  }
}

/** What a check has come to. */
export interface Finding {
  readonly result: CheckResult;
  readonly detail: string;
  readonly verdict: Verdict;
}

/** How the trials of a check are read. */
export interface Reader {
  /** Which end one trial speaks for, if any. */
  readonly reading: (outcome: Outcome) => 'old' | 'new' | undefined;
  /** Which end trials that disagree are likelier those of. */
  readonly nearer: (outcomes: readonly Outcome[]) => 'old' | 'new' | undefined;
  /** The end whose trials show the trouble: shown once, it tells. */
  readonly telling: 'old' | 'new';
  /** SHA-256 of the image by which the search knows a commit, if it built one. */
  readonly image: (commit: string) => string | undefined;
  /** What the search's own trials of an image have shown. */
  readonly tried: (image: string) => readonly Outcome[];
  /** Trials in short: `fail in 3 of 10 trials`. */
  readonly describe: (outcomes: readonly Outcome[]) => string;
}

/**
 * What a check has come to, or undefined while it has to be tried more.
 * @param need how often: once where trials tell, else so often that the trouble would have shown
 */
export function findingOf(state: CheckState, need: number, reader: Reader): Finding | undefined {
  const { check, outcomes, buildFailure, failedOn, lastFailure } = state;
  const cannot = (detail: string): Finding => ({
    result: CheckResult.CHECK_RESULT_NOT_POSSIBLE,
    detail,
    verdict: Verdict.VERDICT_UNSPECIFIED,
  });
  if (check.impossible !== '') return cannot(check.impossible);
  if (buildFailure !== undefined) {
    const detail = `${applies(check.kind)}it does not build: ${buildFailure}`;
    const result = failsUnbuilt(check, reader) ? CheckResult.CHECK_RESULT_FAIL : cannot('').result;
    return { result, detail, verdict: Verdict.VERDICT_SKIP };
  }
  const readings = outcomes.map(reader.reading);
  const shows = (side: 'old' | 'new'): Finding => {
    const verdict = side === 'new' ? Verdict.VERDICT_NEW : Verdict.VERDICT_OLD;
    const passes = check.expected === verdict || check.expected === Verdict.VERDICT_UNSPECIFIED;
    const result = passes ? CheckResult.CHECK_RESULT_PASS : CheckResult.CHECK_RESULT_FAIL;
    return {
      result,
      detail: `${builds(check.kind)}${reader.describe(outcomes)}${imageIn(state, reader)}`,
      verdict,
    };
  };
  const tells = need > 1 && readings.includes(reader.telling) && isTelling(check.expected, reader.telling);
  if (tells) return shows(reader.telling);
  if (outcomes.length < need) {
    return failedOn.length < MAX_FAILURES
      ? undefined
      : cannot(`no agent could test it, the last (${failedOn.at(-1) ?? ''}) said: ${lastFailure ?? ''}`);
  }
  const side = need > 1 ? reader.nearer(outcomes) : readings.find((reading) => reading !== undefined);
  if (side !== undefined) return shows(side);
  const strange = `${outcomes[0] ? describeOutcome(outcomes[0]) : 'no outcome'}, which neither end shows`;
  return { ...cannot(strange), verdict: Verdict.VERDICT_SKIP };
}

/** Whether a clean build came to the image that the search knows. */
function imageIn({ check, image }: CheckState, reader: Reader): string {
  const known = reader.image(check.of);
  if (check.kind !== CheckKind.CHECK_KIND_CULPRIT || image === undefined || known === undefined) return '';
  return image === known
    ? `, in the same image ${known.slice(0, 12)} as before`
    : `, in another image (${image.slice(0, 12)}) than before (${known.slice(0, 12)})`;
}

function applies(kind: CheckKind): string {
  return kind === CheckKind.CHECK_KIND_BACKPORT ? 'it applies; ' : '';
}

function builds(kind: CheckKind): string {
  return kind === CheckKind.CHECK_KIND_BACKPORT ? 'it applies, builds: ' : '';
}

/**
 * Whether a failure to build is what the check asks about. Of a culprit it is if the search has built it: one that is known by
 * its descendants alone may never have built.
 */
function failsUnbuilt({ kind, of }: Check, reader: Reader): boolean {
  if (kind === CheckKind.CHECK_KIND_CULPRIT) return reader.image(of) !== undefined;
  return kind === CheckKind.CHECK_KIND_BACKPORT;
}

function isTelling(expected: Verdict, telling: 'old' | 'new'): boolean {
  return expected === (telling === 'new' ? Verdict.VERDICT_NEW : Verdict.VERDICT_OLD);
}
