import {
  CheckKind,
  CheckResult,
  JobState,
  Verdict,
  type Check,
  type JobSpec,
  type Outcome,
} from '@kbisect/shared/gen/kbisect/v1/job';
import { commitId, shortId, type AgentName, type CommitId } from '@kbisect/shared/ids';
import { findingOf, tellsSearch, type CheckState, type Reader } from './check-state.js';
import { certifies, describeCheck } from './checks.js';
import { ConfigSearch } from './config-search.js';
import { ended, type Fact, type FactOf } from './facts.js';
import { isOfPair, searchPair, type Merging, type Pairing, type Sides } from './pair-search.js';

/** After so many certificates of one culprit that failed nothing more can be learned from another. */
const MAX_CERTIFICATES = 3;

/** A culprit's checks, from the first to the last. */
interface Round {
  readonly culprit: CommitId;
  readonly checks: number[];
  failed: boolean;
  /** It did not come to its end. */
  left: boolean;
  /** Which settings the culprit takes, where that is looked for. */
  config?: ConfigSearch;
}

/** What has to be made or read for checks. */
export type CertificateQuestion =
  | { readonly kind: 'certificate'; readonly culprit: CommitId }
  | { readonly kind: 'sides'; readonly culprit: CommitId }
  | { readonly kind: 'settings'; readonly culprit: CommitId }
  | { readonly kind: 'merges'; readonly culprit: CommitId; readonly merges: readonly Merging[] };

/** What a check asks of the farm. */
export interface CheckOrder {
  readonly check: number;
  readonly commit: CommitId;
  /** What is known to be near it: on what it was made. */
  readonly near: CommitId;
  /** To be built with nothing of what was built before. */
  readonly clean: boolean;
  readonly trials: number;
  readonly failedOn: readonly AgentName[];
  /** Not by the agent that tried the commit first, where there is another. */
  readonly elsewhere: boolean;
  /** What is asked of the configuration, where that is not what the job asks for. */
  readonly settings: readonly string[] | undefined;
}

/**
 * The checks that a culprit passes before it is named. Whatever the search has concluded, the culprit is tried again from
 * a clean build and its parents with fresh boots, and the culprit is reverted on the new end. A check that fails sends the
 * job back to its search, with the trials that contradict it; what cannot be checked is said, and stops nothing.
 */
export class Certificate {
  readonly #states: CheckState[] = [];
  readonly #rounds: Round[] = [];
  /** What was made for a culprit, of which there may be no fact yet. */
  readonly #prepared = new Map<CommitId, readonly Check[]>();
  readonly #asked = new Set<string>();
  readonly #questions: CertificateQuestion[] = [];
  readonly #sides = new Map<CommitId, Sides>();
  /** Merges that were made, of which there is no fact yet. */
  readonly #merged: Check[] = [];
  /**
   * Checks that have failed and do not say so yet: they tell the search nothing, and those that do are not done. Without these
   * it would come to the same culprit again.
   */
  readonly #heldBack = new Set<number>();
  /** What the job asks of the configuration, once it was read. */
  #settings: readonly string[] | undefined;

  /** @param need how often a commit is to be tried to be all but sure of it */
  constructor(
    private readonly spec: JobSpec,
    private readonly need: () => number,
  ) {}

  /** All checks so far, of certificates that failed too. */
  get states(): readonly CheckState[] {
    return this.#states;
  }

  /** Those of the last certificate. */
  get latest(): readonly CheckState[] {
    return this.#rounds.at(-1)?.checks.map((index) => this.#states[index]!) ?? [];
  }

  stateOf(check: number | undefined): CheckState | undefined {
    return check === undefined ? undefined : this.#states[check];
  }

  /** What has to be made for the checks, each once. */
  takeQuestion(): CertificateQuestion | undefined {
    return this.#questions.shift();
  }

  /** Takes in what is to be checked of a culprit. */
  prepare(culprit: CommitId, checks: readonly Check[]): void {
    if (checks.some(({ kind }) => kind === CheckKind.CHECK_KIND_PAIR)) this.#merged.push(...checks);
    else this.#prepared.set(culprit, checks);
  }

  /** Takes in the sides of a culprit that is a merge. */
  attach(culprit: CommitId, sides: Sides): void {
    this.#sides.set(culprit, sides);
  }

  /** Takes in what the job asks of the configuration, as lines of a config. */
  ask(settings: readonly string[]): void {
    this.#settings = settings;
  }

  /** The search for the settings that the culprit takes; none where nobody wants to know, or not yet. */
  get config(): ConfigSearch | undefined {
    return this.#rounds.at(-1)?.config;
  }

  /** Of a certified merge: the two commits that are new only together, or why they are not known. */
  get pairing(): Exclude<Pairing, { kind: 'searching' }> | undefined {
    const round = this.#rounds.at(-1);
    const pairing = round && this.#pairing(round);
    return pairing?.kind === 'searching' ? undefined : pairing;
  }

  checking({ value }: FactOf<'checking'>): void {
    const culprit = commitId(value.culprit);
    const last = this.#rounds.at(-1);
    const goesOn = last?.culprit === culprit && isOpen(last);
    const round: Round = goesOn ? last : { culprit, checks: [], failed: false, left: false };
    for (const check of value.checks) {
      const index = this.#add(check);
      round.checks.push(index);
      const state = this.#states[index]!;
      if (isOfConfig(state)) round.config?.add(index, state);
    }
    if (!goesOn) this.#rounds.push(round);
  }

  /** Something else than a check has changed what the search knows: what it comes to next is checked from the start. */
  leave(): void {
    const round = this.#rounds.at(-1);
    if (round) round.left = true;
  }

  minimising(fact: FactOf<'minimising'>): void {
    const round = this.#rounds.at(-1);
    if (round) round.config = new ConfigSearch(fact, this.spec.minimiseConfig ?? 0);
  }

  /** Takes in what a check has come to; says whether the certificate has failed by it. */
  checked({ value }: FactOf<'checked'>): boolean {
    const state = this.#states[value.check];
    const round = this.#rounds.at(-1);
    if (state === undefined || round === undefined) return false;
    Object.assign(state, { result: value.result, detail: value.detail, verdict: value.verdict });
    round.config?.changed();
    const fails = failsBy(state, value.result);
    if (fails) round.failed = true;
    return fails;
  }

  /**
   * What follows for the culprit that the search has found: a fact, or that more is to be tested first; undefined when it is
   * certified.
   * @param culprit none when the search, of all it has heard since, is not sure of one any more
   */
  next(culprit: CommitId | undefined, reader: Reader): Fact | 'wait' | undefined {
    if (this.spec.certify === false) return undefined;
    const round = this.#rounds.at(-1);
    if (round === undefined || !isOpen(round)) return culprit && this.#begin(culprit);
    if (round.culprit !== culprit) return this.#overtaken(round);
    this.#heldBack.clear();
    const evidenceToCome = this.#open(round).some((index) => tellsSearch(this.#states[index]!));
    for (const index of round.checks) {
      const state = this.#states[index]!;
      if (state.result !== CheckResult.CHECK_RESULT_UNSPECIFIED) continue;
      const outcomes = this.#trialsOf(state, reader);
      const finding = findingOf({ ...state, outcomes }, this.need(), reader);
      if (finding === undefined) continue;
      const fails = failsBy(state, finding.result);
      if (!fails || tellsSearch(state) || !evidenceToCome)
        return { $case: 'checked', value: { check: index, ...finding } };
      this.#heldBack.add(index);
    }
    if (this.#open(round).some((index) => certifies(this.#states[index]!.check.kind))) return 'wait';
    const more = this.#pair(round) ?? this.#minimise(round, reader);
    return more ?? (this.#open(round).length > 0 ? 'wait' : undefined);
  }

  /** The trials that tell for a check. Of a configuration's all that were of the same image do. */
  #trialsOf(state: CheckState, reader: Reader): Outcome[] {
    const { image, outcomes } = state;
    const test = this.spec.test?.$case === 'boot' ? this.spec.test.value : undefined;
    // A module is not in the image.
    if (image === undefined || !isOfConfig(state) || test?.modules.length !== 0) return outcomes;
    const twins = this.#states.filter((other) => isOfConfig(other) && other.image === image);
    const all = [...reader.tried(image), ...twins.flatMap((twin) => twin.outcomes)];
    // One that tells is enough; what a broken harness left behind does not hide it.
    const telling = all.find((outcome) => reader.reading(outcome) !== undefined);
    return this.need() === 1 && telling ? [telling] : all;
  }

  /** What follows for the settings that a certified culprit takes; undefined when they are found, or nobody asks. */
  #minimise(round: Round, reader: Reader): Fact | 'wait' | undefined {
    const { culprit, config } = round;
    if (this.spec.minimiseConfig === undefined) return undefined;
    if (config === undefined) {
      if (this.#settings !== undefined) return this.#beginConfig(round, this.#settings);
      this.#ask({ kind: 'settings', culprit }, 'settings');
      return 'wait';
    }
    if (config.result !== undefined) return undefined;
    const checks = config.missing(reader.telling);
    return checks.length > 0 ? { $case: 'checking', value: { culprit, checks } } : 'wait';
  }

  #beginConfig({ culprit, checks }: Round, settings: readonly string[]): Fact {
    const states = checks.map((index) => this.#states[index]!);
    const passed = states.filter(({ result }) => result === CheckResult.CHECK_RESULT_PASS);
    const isNew = passed.some(({ check }) => check.kind === CheckKind.CHECK_KIND_CULPRIT);
    const old = passed.find(({ check }) => check.kind === CheckKind.CHECK_KIND_PARENT);
    const parent = isNew && old ? old.check.of : '';
    return { $case: 'minimising', value: { culprit, parent, settings: [...settings] } };
  }

  /** What follows for the pair of a certified merge; undefined when it is found, or cannot be. */
  #pair(round: Round): Fact | 'wait' | undefined {
    const { culprit } = round;
    const merged = this.#merged.splice(0).filter((one) => !this.#isTried(round, one));
    if (merged.length > 0) return { $case: 'checking', value: { culprit, checks: merged } };
    const pairing = this.#pairing(round);
    if (pairing === undefined) {
      if (this.#parents(round) !== 2 || this.spec.pathspecs.length > 0) return undefined;
      this.#ask({ kind: 'sides', culprit }, 'sides');
      return 'wait';
    }
    if (pairing.kind !== 'searching') return undefined;
    // Each certificate tries its own.
    const key = ({ of, onto }: Merging) => `merge ${of} ${onto} for ${this.#rounds.length}`;
    const merges = pairing.make.filter((merging) => !this.#asked.has(key(merging)));
    if (merges.length > 0) {
      for (const merging of merges) this.#asked.add(key(merging));
      this.#questions.push({ kind: 'merges', culprit, merges });
    }
    return 'wait';
  }

  #pairing(round: Round): Pairing | undefined {
    const sides = this.#sides.get(round.culprit);
    return sides && searchPair(sides, this.#pairs(round));
  }

  #pairs({ checks }: Round): CheckState[] {
    return checks.map((index) => this.#states[index]!).filter(isOfPair);
  }

  #isTried(round: Round, { of, onto }: { readonly of: string; readonly onto: string }): boolean {
    return this.#pairs(round).some(({ check }) => check.of === of && check.onto === onto);
  }

  #parents({ checks }: Round): number {
    return checks.filter((index) => this.#states[index]!.check.kind === CheckKind.CHECK_KIND_PARENT).length;
  }

  #ask(question: CertificateQuestion, name: string): void {
    const key = `${name} ${question.culprit}`;
    if (!this.#asked.has(key)) this.#questions.push(question);
    this.#asked.add(key);
  }

  /** What is to be tried now: what is picked elsewhere only when the culprit is certified. */
  wanted(): CheckOrder[] {
    const round = this.#rounds.at(-1);
    if (round === undefined || !isOpen(round)) return [];
    const open = this.#open(round).filter((index) => !this.#heldBack.has(index));
    const own = open.filter((index) => certifies(this.#states[index]!.check.kind));
    const others = () => [...this.#openPairs(round), ...open, ...(round.config?.open() ?? [])];
    return (own.length > 0 ? own : others()).flatMap((index) => {
      const { check, outcomes, failedOn } = this.#states[index]!;
      if (check.commit === '') return [];
      const clean = check.kind === CheckKind.CHECK_KIND_CULPRIT;
      const trials = Math.max(1, this.need() - outcomes.length);
      const near = commitId(check.onto || check.commit);
      const elsewhere = check.kind !== CheckKind.CHECK_KIND_CONFIG;
      const settings = elsewhere ? undefined : round.config?.linesOf(check);
      const commit = commitId(check.commit);
      return [{ check: index, commit, near, clean, trials, failedOn, elsewhere, settings }];
    });
  }

  /** Whether there is more to learn for a check. */
  isOpen(check: number): boolean {
    return this.wanted().some((order) => order.check === check);
  }

  #add(check: Check): number {
    const none = {
      result: CheckResult.CHECK_RESULT_UNSPECIFIED,
      detail: '',
      verdict: Verdict.VERDICT_UNSPECIFIED,
    };
    this.#states.push({ check, outcomes: [], failedOn: [], builds: 0, ...none });
    return this.#states.length - 1;
  }

  /** Checks that have come to nothing yet, besides those of searches, of which not all are wanted any more. */
  #open({ checks }: Round): number[] {
    const isOpen = (state: CheckState) =>
      state.result === CheckResult.CHECK_RESULT_UNSPECIFIED && !isOfPair(state) && !isOfConfig(state);
    return checks.filter((index) => isOpen(this.#states[index]!));
  }

  #openPairs(round: Round): number[] {
    const pairing = this.#pairing(round);
    if (pairing?.kind !== 'searching') return [];
    return round.checks.filter((index) => pairing.useful.has(this.#states[index]!));
  }

  #begin(culprit: CommitId): Fact | 'wait' {
    const failed = this.#rounds.filter((round) => round.failed && round.culprit === culprit);
    if (failed.length >= MAX_CERTIFICATES) {
      const why = this.latest.find(({ result }) => result === CheckResult.CHECK_RESULT_FAIL);
      const what = why === undefined ? '' : `: ${describeCheck(why.check)}: ${why.detail}`;
      const reason = `the search comes to ${shortId(culprit)} again and again, but it cannot be certified${what}`;
      return ended(JobState.JOB_STATE_AMBIGUOUS, reason, undefined, [culprit]);
    }
    const checks = this.#prepared.get(culprit);
    if (checks !== undefined) return { $case: 'checking', value: { culprit, checks: [...checks] } };
    this.#ask({ kind: 'certificate', culprit }, 'certificate');
    return 'wait';
  }

  /** What the checks have shown has made the search unsure: they have failed, all together. */
  #overtaken(round: Round): Fact | 'wait' | undefined {
    const own = this.#open(round).filter((index) => certifies(this.#states[index]!.check.kind));
    const [check] = [...own, ...round.checks];
    if (check === undefined) return undefined;
    const detail = 'with what the checks have shown, the search is not sure of it any more';
    const result = CheckResult.CHECK_RESULT_FAIL;
    return { $case: 'checked', value: { check, result, detail, verdict: Verdict.VERDICT_UNSPECIFIED } };
  }
}

function isOpen({ failed, left }: Round): boolean {
  return !failed && !left;
}

/** Whether a certificate fails when this check comes to that. */
function failsBy({ check }: CheckState, result: CheckResult): boolean {
  return result === CheckResult.CHECK_RESULT_FAIL && certifies(check.kind);
}

/** Whether a check is one of a configuration. */
function isOfConfig({ check }: CheckState): boolean {
  return check.kind === CheckKind.CHECK_KIND_CONFIG;
}
