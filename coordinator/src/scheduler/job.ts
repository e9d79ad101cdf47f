import { JobState, Verdict, type JobEvent, type JobSpec } from '@kbisect/shared/gen/kbisect/v1/job';
import { commitId, leaseId, shortId, type CommitId, type JobId } from '@kbisect/shared/ids';
import { Audit } from '../classes/audit.js';
import type { BuildForecast, Prediction } from '../classes/prediction.js';
import type { CommitGraph } from '../search/graph.js';
import { Search, type Reading } from '../search/search.js';
import { Ends } from './ends.js';
import { Evidence } from './evidence.js';
import { ended, type Fact, type FactOf } from './facts.js';
import { Fixups } from './fixups.js';
import { JobLeases, type JobLease } from './job-leases.js';
import { judgement } from './judgement.js';
import type { Range } from './range.js';

/**
 * One bisection: the sum of its events. `apply` takes in a fact; `next` says which fact follows from those that
 * are known; `wanted` and `futile` say what should and need not be tested now.
 */
export class Job {
  readonly spec: JobSpec;
  state = JobState.JOB_STATE_PREPARING;
  readonly evidence: Evidence;
  /** In the order they came, ends included. */
  readonly verdicts = new Map<CommitId, Verdict>();
  readonly leases = new JobLeases();
  culprit: CommitId | undefined;
  candidates: CommitId[] = [];
  reason = '';
  /** Number of events applied: the version of its stream. */
  version = 0;
  readonly submittedAt: Date;
  lastAt: Date;

  readonly #ends: Ends;
  readonly #audit: Audit | undefined;
  readonly #fixups = new Fixups();
  #range: Range | undefined;
  #search: Search | undefined;
  /** How many different images the journal says that there are. */
  #collapsed = 0;

  /** @param prediction what is foretold of the builds; none of a job that builds nothing */
  constructor(
    readonly id: JobId,
    spec: JobSpec,
    at: Date,
    readonly prediction?: Prediction,
  ) {
    this.spec = spec;
    this.submittedAt = this.lastAt = at;
    this.evidence = new Evidence(Math.max(1, spec.runs));
    this.#ends = new Ends(spec, this.evidence, this.verdicts);
    this.#audit = prediction && spec.audit ? new Audit(prediction, spec.audit) : undefined;
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

  /** Where the history of old and of new parted, when old is not an ancestor of new. */
  get mergeBases(): readonly CommitId[] {
    return this.#ends.mergeBases;
  }

  /** Position of a commit in the range, oldest first; undefined outside of it. */
  position(commit: CommitId): number | undefined {
    return this.#range?.graph.indexOf(commit);
  }

  /** Hands in the range, which is not in the journal as git always gives the same. */
  attach(range: Range): void {
    this.#range = range;
    this.#search = this.#searchOf(range);
  }

  /** Takes in what was learned of builds since the last time; says whether it changed the classes. */
  collapse(): boolean {
    const changed = this.prediction?.update() ?? false;
    if (changed && this.#range !== undefined) this.#search = this.#searchOf(this.#range);
    return changed;
  }

  /** Commits outside of the range whose images matter to it too; the last is an old end. */
  get outside(): CommitId[] {
    return [...new Set([...this.#ends.olds, ...(this.#range?.mergeBases ?? [])])].reverse();
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
      case 'collapsed':
        this.#collapsed = fact.value.classes;
        return;
      case 'refuted':
        this.prediction?.refute({ one: commitId(fact.value.one), other: commitId(fact.value.other) });
        this.collapse();
        return;
      case 'mended':
        for (const commit of this.#fixups.mended(fact)) this.#rebuild(commit);
        if (this.#range !== undefined) this.#search = this.#searchOf(this.#range);
        return;
      case 'submitted':
      case undefined:
        return;
      case 'started':
        this.state = JobState.JOB_STATE_PROVING;
        this.#ends.mergeBases = fact.value.mergeBases.map(commitId);
        return;
      case 'leased':
        this.leases.granted(fact);
        return;
      case 'leaseEnded': {
        const failed = this.leases.ended(fact);
        if (failed) this.evidence.failed(failed, fact.value.detail);
        return;
      }
      case 'built':
        this.leases.received(fact.value.lease);
        this.evidence.built(fact);
        this.#learnBuild(fact, this.leases.get(leaseId(fact.value.lease))?.fixups ?? []);
        return;
      case 'tried':
        this.leases.received(fact.value.lease);
        this.evidence.tried(fact);
        return;
      case 'judged': {
        const commit = commitId(fact.value.commit);
        this.verdicts.set(commit, fact.value.verdict);
        this.evidence.unjudged.delete(commit);
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
    return this.#predicted() ?? this.#ends.next() ?? this.#judgeCandidates();
  }

  /**
   * At most `slots` commits that are worth a lease now, besides those that have one.
   * @param trees commits at which the trees stand that could be built in
   */
  wanted(slots: number, trees: readonly CommitId[] = []): Wanted[] {
    if (this.over || this.#range === undefined || this.state === JobState.JOB_STATE_PREPARING) return [];
    const leased = new Set(this.leases.live.map((lease) => lease.commit));
    const unproved = this.#ends.unproved();
    if (unproved.length > 0) {
      const untested = unproved.filter((end) => !leased.has(end) && !this.evidence.isTested(end));
      return untested.slice(0, slots).map((commit) => ({ commit, audit: false, fixups: [] }));
    }
    // What the builds so far tell of all others is worth more than the moment that it takes to read.
    if (this.prediction?.reading) return [];
    const { graph } = this.#range;
    const inFlight = this.leases.live.flatMap(({ commit, audit }) =>
      audit ? [] : (graph.indexOf(commit) ?? []),
    );
    const cost = (index: number) => this.forecast(graph.id(index), trees).seconds;
    const chosen = this.#search?.choose({ slots, inFlight, cost }) ?? [];
    const mending = this.#mending();
    const probes = mending && 'probe' in mending && !leased.has(mending.probe) ? [mending.probe] : [];
    const tests = new Set([...probes, ...chosen.map((index) => graph.id(index))]);
    const wanted = [...tests].map((commit) => ({
      commit,
      audit: false,
      fixups: this.#fixups.of(commit, graph),
    }));
    const audited = this.#audits().filter((commit) => !leased.has(commit));
    return [...wanted, ...audited.map((commit) => ({ commit, audit: true, fixups: [] }))].slice(0, slots);
  }

  /** What a test of a commit is expected to take: its build, on an agent with trees at the given commits, and its trials. */
  forecast(commit: CommitId, trees: readonly CommitId[]): BuildForecast {
    const trials = this.evidence.trialsLeft(commit) * this.evidence.trialSeconds;
    const { objects, seconds } = this.prediction?.forecast(commit, trees) ?? { objects: 0, seconds: 0 };
    return { objects, seconds: seconds + trials };
  }

  /** Live leases whose result can teach nothing more. Those that have told all end by themselves. */
  futile(): JobLease[] {
    const { live } = this.leases;
    if (this.over) return live;
    const telling = live.filter((lease) => !lease.audit && !this.evidence.isTested(lease.commit));
    const judged = telling.filter((lease) => this.verdicts.has(lease.commit));
    const { graph } = this.#range ?? {};
    if (graph === undefined || this.#search === undefined || this.#ends.unproved().length > 0) return judged;
    const indices = telling.flatMap((lease) => graph.indexOf(lease.commit) ?? []);
    const futile = new Set(this.#search.futile(indices).map((index) => graph.id(index)));
    return telling.filter((lease) => futile.has(lease.commit) || judged.includes(lease));
  }

  #judgeCandidates(): Fact | undefined {
    if (this.#search === undefined || this.#range === undefined || this.#ends.unproved().length > 0)
      return undefined;
    for (const commit of this.evidence.unjudged) {
      if (this.verdicts.has(commit)) continue;
      const fact = judgement(commit, this.evidence, this.#ends.proof, this.#ends.wanted);
      const picked = this.#fixups.pickedOn(commit).map(shortId);
      if (fact && picked.length > 0) fact.value.reason += `, with ${picked.join(' and ')} picked`;
      if (fact) return fact;
    }
    const { graph } = this.#range;
    const conclusion = this.#search.conclusion();
    if (conclusion.kind !== 'searching' && this.#audits().length > 0) return undefined;
    const mending = conclusion.kind === 'found' ? undefined : this.#mending();
    if (mending !== undefined) return 'probe' in mending ? undefined : mending;
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

  /** What follows from the builds for the prediction of others. */
  #predicted(): Fact | undefined {
    if (this.prediction === undefined || this.prediction.reading) return undefined;
    const { classes, commits } = this.prediction;
    if (classes === undefined) return undefined;
    const refuted = this.prediction.contradiction();
    if (refuted !== undefined) return { $case: 'refuted', value: refuted };
    return classes === this.#collapsed ? undefined : { $case: 'collapsed', value: { classes, commits } };
  }

  /** Predictions of the audit that were compared with a build, and those that were wrong; none without an audit. */
  get audited(): { readonly done: number; readonly refuted: number } | undefined {
    return this.#audit && { done: this.#audit.done, refuted: this.prediction?.refutations.length ?? 0 };
  }

  /** Commits that are still to be built for the audit. */
  #audits(): CommitId[] {
    return this.#audit?.pending().filter((commit) => this.evidence.givenUp(commit) === undefined) ?? [];
  }

  #learnBuild(fact: FactOf<'built'>, fixups: readonly CommitId[]): void {
    const { image, record, recipe = '', equalTo = '' } = fact.value;
    const commit = commitId(fact.value.commit);
    if (this.#fixups.built(fact, fixups)) this.#rebuild(commit);
    // What is built with a fix-up is not the commit's own.
    if (fixups.length === 0)
      this.prediction?.builds.built(commit, { image, record, recipe, predicted: equalTo !== '' });
  }

  /** Takes back that a commit cannot be tested. */
  #rebuild(commit: CommitId): void {
    this.evidence.rebuild(commit);
    this.verdicts.delete(commit);
  }

  /** What is to be done about commits that do not build. */
  #mending(): Fact | { probe: CommitId } | undefined {
    if (this.#range === undefined || this.#search === undefined || this.spec.test?.$case !== 'boot')
      return undefined;
    const stuck = this.#search.conclusion().kind === 'ambiguous';
    const isSkipped = (commit: CommitId) => this.verdicts.get(commit) === Verdict.VERDICT_SKIP;
    return this.#fixups.next(this.#range.graph, this.prediction?.range, stuck, isSkipped);
  }

  /** A search that knows the classes and all verdicts so far. Commits that give one old end's image are old. */
  #searchOf({ graph }: Range): Search {
    const search = new Search(graph, { seed: 1 });
    for (const group of this.prediction?.groups() ?? []) {
      const indices = group.flatMap((commit) => graph.indexOf(commit) ?? []);
      const isOld = this.#ends.olds.some((old) => group.includes(old));
      if (isOld) for (const index of indices) search.observe(index, 'old');
      else for (const index of indices.slice(1)) search.equate(indices[0]!, index);
    }
    for (const [commit, verdict] of this.verdicts) observe(search, graph, commit, verdict);
    return search;
  }

  #observe(commit: CommitId, verdict: Verdict): void {
    if (this.#search !== undefined && this.#range !== undefined)
      observe(this.#search, this.#range.graph, commit, verdict);
  }
}

/** A commit that is worth a lease; of an audit only the image is wanted. */
export interface Wanted {
  readonly commit: CommitId;
  readonly audit: boolean;
  /** What is cherry-picked before it is built. */
  readonly fixups: readonly CommitId[];
}

function observe(search: Search, graph: CommitGraph, commit: CommitId, verdict: Verdict): void {
  const index = graph.indexOf(commit);
  const reading = READINGS[verdict];
  if (index !== undefined && reading !== undefined) search.observe(index, reading);
}

const READINGS: Partial<Record<Verdict, Reading>> = {
  [Verdict.VERDICT_OLD]: 'old',
  [Verdict.VERDICT_NEW]: 'new',
  [Verdict.VERDICT_SKIP]: 'skip',
};
