import {
  JobState,
  LeaseEnd,
  Verdict,
  type JobEvent,
  type JobSpec,
  type Outcome,
} from '@kbisect/shared/gen/kbisect/v1/job';
import {
  commitId,
  leaseId,
  shortId,
  type AgentName,
  type CommitId,
  type JobId,
  type LeaseId,
} from '@kbisect/shared/ids';
import { Search, type Reading } from '../search/search.js';
import type { CommitGraph } from '../search/graph.js';
import { checkEnds, expectation, judge, shownByAll, type Proof } from './oracle.js';

/** The part of an event that says what happened; when it happened is added by who writes it down. */
export type Fact = NonNullable<JobEvent['fact']>;

/** The commits between the two ends, as git gives them. */
export interface Range {
  readonly graph: CommitGraph;
  /** Where the history of old and of new parted, when old is not an ancestor of new. */
  readonly mergeBases: readonly CommitId[];
}

/** A commit that so many agents failed to test is given up. */
export const MAX_FAILURES = 3;

/** All that is known of one commit. */
export interface Evidence {
  readonly outcomes: Outcome[];
  buildFailure?: string;
  /** Agents that failed to test it for reasons that are not the commit's. */
  readonly failedOn: AgentName[];
  lastFailure?: string;
}

/** A lease as its job sees it: until it ends, and afterwards when it was withdrawn and a result may be under way. */
export interface JobLease {
  readonly id: LeaseId;
  readonly epoch: number;
  readonly commit: CommitId;
  readonly agent: AgentName;
  /** How many results of it are in the journal. */
  received: number;
  state: 'live' | 'withdrawn';
}

/**
 * One bisection: the sum of its events. `apply` takes in a fact; `next` says which fact follows from those that
 * are known; `wanted` and `futile` say what should and need not be tested now.
 */
export class Job {
  readonly spec: JobSpec;
  state = JobState.JOB_STATE_PREPARING;
  readonly evidence = new Map<CommitId, Evidence>();
  /** In the order they came, ends included. */
  readonly verdicts = new Map<CommitId, Verdict>();
  readonly leases = new Map<LeaseId, JobLease>();
  culprit: CommitId | undefined;
  candidates: CommitId[] = [];
  reason = '';
  builds = 0;
  trials = 0;
  cacheHits = 0;
  /** Number of events applied: the version of its stream. */
  version = 0;
  readonly submittedAt: Date;
  lastAt: Date;

  readonly #olds: readonly CommitId[];
  readonly #new: CommitId;
  readonly #expected;
  #range: Range | undefined;
  #search: Search | undefined;
  #proof: Proof | undefined;
  #unjudged = new Set<CommitId>();

  constructor(
    readonly id: JobId,
    spec: JobSpec,
    at: Date,
  ) {
    this.spec = spec;
    this.submittedAt = this.lastAt = at;
    this.#olds = spec.olds.map(commitId);
    this.#new = commitId(spec.new);
    this.#expected = expectation(spec.mode, spec.test?.$case ?? 'boot');
  }

  get over(): boolean {
    switch (this.state) {
      case JobState.JOB_STATE_FOUND:
      case JobState.JOB_STATE_AMBIGUOUS:
      case JobState.JOB_STATE_NO_DIFFERENCE:
      case JobState.JOB_STATE_ABORTED:
      case JobState.JOB_STATE_CANCELLED:
        return true;
      case JobState.JOB_STATE_UNSPECIFIED:
      case JobState.JOB_STATE_PREPARING:
      case JobState.JOB_STATE_PROVING:
      case JobState.JOB_STATE_SEARCHING:
        return false;
    }
  }

  /** Candidates that are left, once the range is read. */
  get remaining(): number {
    return this.#search?.remaining ?? this.#range?.graph.size ?? 0;
  }

  expectedRounds(slots: number): number {
    return this.#search?.expectedRounds(Math.max(1, slots)) ?? 0;
  }

  /** Position of a commit in the range, oldest first; undefined outside of it. */
  position(commit: CommitId): number | undefined {
    return this.#range?.graph.indexOf(commit);
  }

  get liveLeases(): JobLease[] {
    return [...this.leases.values()].filter((lease) => lease.state === 'live');
  }

  /** Hands in the range, which is not in the journal as git always gives the same. */
  attach(range: Range): void {
    this.#range = range;
    this.#search = new Search(range.graph, { seed: 1 });
    for (const [commit, verdict] of this.verdicts) this.#observe(commit, verdict);
  }

  get attached(): boolean {
    return this.#range !== undefined;
  }

  /** Takes in what the journal has. */
  apply(event: JobEvent): void {
    this.version += 1;
    this.lastAt = event.at ?? this.lastAt;
    const fact = event.fact;
    switch (fact?.$case) {
      case 'submitted':
      case undefined:
        return;
      case 'started':
        this.state = JobState.JOB_STATE_PROVING;
        return;
      case 'leased': {
        const { lease, epoch, commit, agent } = fact.value;
        const id = leaseId(lease);
        const granted = { id, epoch, commit: commitId(commit), agent: agent as AgentName, received: 0 };
        this.leases.set(id, { ...granted, state: 'live' });
        return;
      }
      case 'leaseEnded':
        this.#endLease(leaseId(fact.value.lease), fact.value.reason, fact.value.detail);
        return;
      case 'built': {
        this.#received(fact.value.lease);
        if (fact.value.cached) this.cacheHits += 1;
        else this.builds += 1;
        if (fact.value.image === undefined) {
          const commit = commitId(fact.value.commit);
          this.evidenceOf(commit).buildFailure = fact.value.failure;
          this.#unjudged.add(commit);
        }
        return;
      }
      case 'tried': {
        this.#received(fact.value.lease);
        this.trials += 1;
        const commit = commitId(fact.value.commit);
        if (fact.value.outcome) this.evidenceOf(commit).outcomes.push(fact.value.outcome);
        this.#unjudged.add(commit);
        return;
      }
      case 'judged': {
        const commit = commitId(fact.value.commit);
        this.verdicts.set(commit, fact.value.verdict);
        this.#unjudged.delete(commit);
        this.#observe(commit, fact.value.verdict);
        return;
      }
      case 'ended':
        this.state = fact.value.state;
        this.culprit = fact.value.culprit === '' ? undefined : commitId(fact.value.culprit);
        this.candidates = fact.value.candidates.map(commitId);
        this.reason = fact.value.reason;
        return;
    }
  }

  /** The fact that follows from those that are known, or undefined when more must be tested first. */
  next(): Fact | undefined {
    if (this.over || this.#range === undefined) return undefined;
    if (this.state === JobState.JOB_STATE_PREPARING) {
      const { mergeBases, graph } = this.#range;
      return { $case: 'started', value: { mergeBases: [...mergeBases], candidates: graph.size } };
    }
    return this.#proveEnds() ?? this.#judgeMergeBases() ?? this.#judgeCandidates();
  }

  /** At most `slots` commits that are worth a lease now, besides those that have one. */
  wanted(slots: number): CommitId[] {
    if (this.over || this.#range === undefined || this.state === JobState.JOB_STATE_PREPARING) return [];
    const leased = new Set(this.liveLeases.map((lease) => lease.commit));
    const unproved = this.#unproved();
    if (unproved.length > 0) {
      return unproved.filter((end) => !leased.has(end) && !this.isTested(end)).slice(0, slots);
    }
    return this.#search === undefined ? [] : this.#chosen(this.#search, this.#range.graph, leased, slots);
  }

  /** Live leases whose result can teach nothing more. Those that have told all end by themselves. */
  futile(): JobLease[] {
    const live = this.liveLeases;
    if (this.over) return live;
    const telling = live.filter((lease) => !this.isTested(lease.commit));
    const judged = telling.filter((lease) => this.verdicts.has(lease.commit));
    const { graph } = this.#range ?? {};
    if (graph === undefined || this.#search === undefined || this.#unproved().length > 0) return judged;
    const indices = telling.flatMap((lease) => graph.indexOf(lease.commit) ?? []);
    const futile = new Set(this.#search.futile(indices).map((index) => graph.id(index)));
    return telling.filter((lease) => futile.has(lease.commit) || judged.includes(lease));
  }

  /** Trials that a commit still needs. */
  trialsLeft(commit: CommitId): number {
    return Math.max(1, this.#runs - this.evidenceOf(commit).outcomes.length);
  }

  evidenceOf(commit: CommitId): Evidence {
    let known = this.evidence.get(commit);
    if (known === undefined) this.evidence.set(commit, (known = { outcomes: [], failedOn: [] }));
    return known;
  }

  get #runs(): number {
    return Math.max(1, this.spec.runs);
  }

  get #mergeBases(): readonly CommitId[] {
    return this.#range?.mergeBases ?? [];
  }

  /** Ends that have no verdict yet; the merge bases come when old and new are proved. */
  #unproved(): CommitId[] {
    const ends = [this.#new, ...this.#olds].filter((end) => !this.verdicts.has(end));
    return ends.length > 0 ? ends : this.#mergeBases.filter((base) => !this.verdicts.has(base));
  }

  #chosen(search: Search, graph: CommitGraph, leased: Set<CommitId>, slots: number): CommitId[] {
    const inFlight = [...leased].flatMap((commit) => graph.indexOf(commit) ?? []);
    return search.choose({ slots, inFlight }).map((index) => graph.id(index));
  }

  /** Whether all is known of a commit that its trials can tell. */
  isTested(commit: CommitId): boolean {
    const { outcomes, buildFailure } = this.evidenceOf(commit);
    return buildFailure !== undefined || outcomes.length >= this.#runs;
  }

  #proveEnds(): Fact | undefined {
    const ends = [...this.#olds, this.#new];
    if (ends.every((end) => this.verdicts.has(end)) && this.#proof !== undefined) return undefined;
    const shown = new Map<CommitId, NonNullable<ReturnType<typeof shownByAll>>>();
    for (const end of ends) {
      const { outcomes, buildFailure } = this.evidenceOf(end);
      const name = end === this.#new ? 'new' : 'old';
      const cannot = buildFailure ? `it does not build: ${buildFailure}` : this.#givenUp(end);
      if (cannot) return aborted(`the ${name} end ${shortId(end)} cannot be proved: ${cannot}`);
      if (outcomes.length < this.#runs) continue;
      const showing = shownByAll(outcomes);
      if (showing === undefined) {
        const { reason } = judge(outcomes, 0, { old: 'pass', new: 'fail' }) ?? { reason: 'no outcome' };
        return aborted(`the ${name} end ${shortId(end)} cannot be proved: ${reason}`);
      }
      shown.set(end, showing);
    }
    const newShows = shown.get(this.#new);
    if (newShows === undefined) return undefined;
    for (const old of this.#olds) {
      const oldShows = shown.get(old);
      if (oldShows === undefined) return undefined;
      const check = checkEnds(oldShows, newShows, this.#expected);
      switch (check.kind) {
        case 'no-difference':
          return ended(JobState.JOB_STATE_NO_DIFFERENCE, check.reason);
        case 'wrong-way-round':
          return aborted(check.reason);
        case 'proved':
          if (this.#proof !== undefined && this.#proof.old !== check.proof.old) {
            return aborted(
              `the old ends do not show the same: ${this.#proof.old}, but ${shortId(old)} ${oldShows}`,
            );
          }
          this.#proof = check.proof;
      }
    }
    const end = ends.find((commit) => !this.verdicts.has(commit));
    if (end === undefined) return undefined;
    return judged(end, end === this.#new ? Verdict.VERDICT_NEW : Verdict.VERDICT_OLD, shown.get(end) ?? '');
  }

  #judgeMergeBases(): Fact | undefined {
    for (const base of this.#mergeBases) {
      if (this.verdicts.has(base)) continue;
      const fact = this.#judgement(base);
      if (fact?.value.verdict === Verdict.VERDICT_NEW) {
        return aborted(
          `the merge base ${shortId(base)} already shows what new shows: the behaviour changed between it and old, ` +
            'not on the way to new; take the merge base as the other end',
        );
      }
      if (fact) return fact;
    }
    return undefined;
  }

  #judgeCandidates(): Fact | undefined {
    if (this.#search === undefined || this.#range === undefined || this.#unproved().length > 0)
      return undefined;
    for (const commit of this.#unjudged) {
      const fact = this.verdicts.has(commit) ? undefined : this.#judgement(commit);
      if (fact) return fact;
    }
    const { graph } = this.#range;
    const conclusion = this.#search.conclusion();
    switch (conclusion.kind) {
      case 'searching':
        return undefined;
      case 'found':
        return ended(JobState.JOB_STATE_FOUND, '', graph.id(conclusion.culprit));
      case 'ambiguous': {
        const candidates = conclusion.candidates.map((index) => graph.id(index));
        const reason = 'only commits that cannot be tested are left';
        return ended(JobState.JOB_STATE_AMBIGUOUS, reason, undefined, candidates);
      }
      case 'flake':
        return ended(
          JobState.JOB_STATE_NO_DIFFERENCE,
          'no commit of the range explains the trials: it is a flake',
        );
    }
  }

  #judgement(commit: CommitId): Extract<Fact, { $case: 'judged' }> | undefined {
    const { outcomes, buildFailure } = this.evidenceOf(commit);
    if (buildFailure) return judged(commit, Verdict.VERDICT_SKIP, `it does not build: ${buildFailure}`);
    const given = this.#proof && judge(outcomes, this.#runs, this.#proof);
    if (given) return judged(commit, given.verdict, given.reason);
    const gaveUp = this.#givenUp(commit);
    return gaveUp ? judged(commit, Verdict.VERDICT_SKIP, gaveUp) : undefined;
  }

  #givenUp(commit: CommitId): string | undefined {
    const { failedOn, lastFailure } = this.evidenceOf(commit);
    if (failedOn.length < MAX_FAILURES) return undefined;
    return `no agent could test it, the last (${failedOn.at(-1) ?? ''}) said: ${lastFailure ?? ''}`;
  }

  #observe(commit: CommitId, verdict: Verdict): void {
    const index = this.#range?.graph.indexOf(commit);
    const reading = READINGS[verdict];
    if (index !== undefined && reading !== undefined) this.#search?.observe(index, reading);
  }

  #received(lease: string): void {
    const known = this.leases.get(leaseId(lease));
    if (known) known.received += 1;
  }

  #endLease(id: LeaseId, reason: LeaseEnd, detail: string): void {
    const lease = this.leases.get(id);
    if (lease === undefined) return;
    if (reason === LeaseEnd.LEASE_END_WITHDRAWN) lease.state = 'withdrawn';
    else this.leases.delete(id);
    if (reason !== LeaseEnd.LEASE_END_EXPIRED && reason !== LeaseEnd.LEASE_END_RETURNED) return;
    const evidence = this.evidenceOf(lease.commit);
    evidence.failedOn.push(lease.agent);
    evidence.lastFailure = detail;
    this.#unjudged.add(lease.commit);
  }
}

const READINGS: Partial<Record<Verdict, Reading>> = {
  [Verdict.VERDICT_OLD]: 'old',
  [Verdict.VERDICT_NEW]: 'new',
  [Verdict.VERDICT_SKIP]: 'skip',
};

function judged(commit: CommitId, verdict: Verdict, reason: string): Extract<Fact, { $case: 'judged' }> {
  return { $case: 'judged', value: { commit, verdict, reason } };
}

function ended(state: JobState, reason: string, culprit?: CommitId, candidates: CommitId[] = []): Fact {
  return { $case: 'ended', value: { state, culprit: culprit ?? '', candidates, reason } };
}

function aborted(reason: string): Fact {
  return ended(JobState.JOB_STATE_ABORTED, reason);
}
