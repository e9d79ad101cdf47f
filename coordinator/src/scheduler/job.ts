import {
  CheckKind,
  JobState,
  Verdict,
  type BlobRef,
  type JobEvent,
  type JobSpec,
  type MinimalConfig,
} from '@kbisect/shared/gen/kbisect/v1/job';
import { KbisectError } from '@kbisect/shared/errors';
import { commitId, leaseId, shortId, type CommitId, type JobId, type LeaseId } from '@kbisect/shared/ids';
import { Audit } from '../classes/audit.js';
import type { BuildForecast, Prediction } from '../classes/prediction.js';
import type { CommitGraph } from '../search/graph.js';
import type { Suspects } from '../search/priors.js';
import { Certificate, type CheckOrder } from './certificate.js';
import { readerOf, trialsOfChecks } from './check-reader.js';
import { Ends } from './ends.js';
import { Evidence } from './evidence.js';
import type { Fact, FactOf } from './facts.js';
import { Findings } from './findings.js';
import { Fixups } from './fixups.js';
import { JobLeases, type JobLease } from './job-leases.js';
import { isOver } from './job-state.js';
import { JobSearch, type Standing } from './job-search.js';
import { Marks, type Mark } from './marks.js';
import { needsOf, type Need } from './needs.js';
import type { Question } from './output.js';
import type { Proof } from './oracle.js';
import { itIsOver } from './past-job.js';
import { readingOf } from './noise.js';
import { outsideOf, type Range } from './range.js';

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
  readonly certificate: Certificate;
  /** What its tests take of an agent. */
  readonly needs: readonly Need[];
  culprit: CommitId | undefined;
  candidates: CommitId[] = [];
  /** Of a culprit that is a merge: the first commits of its sides whose merge is new. */
  pair: CommitId[] = [];
  /** The settings that the culprit takes, where that was asked. */
  minimalConfig: MinimalConfig | undefined;
  /** Commits of the range; 0 before it is read. */
  commits = 0;
  reason = '';
  /** How likely the end is right, where trials of one commit may disagree. */
  confidence: number | undefined;
  /** Number of events applied: the version of its stream. */
  version = 0;
  readonly submittedAt: Date;
  lastAt: Date;

  readonly #ends: Ends;
  readonly #audit: Audit | undefined;
  readonly #fixups = new Fixups();
  readonly #marks = new Marks();
  readonly #search: JobSearch;
  /** The console of the new end's crash, until it is asked what it names. */
  #crash: BlobRef | undefined;
  #crashTaken = false;
  readonly #findings: Findings;
  /** How many different images the range and its ends are known to give; 0 while nothing is known. */
  classes = 0;
  /** Predictions of the audit that were compared with a build, and those that were wrong; none without an audit. */
  audited: { readonly done: number; readonly refuted: number } | undefined;

  /** @param prediction what is foretold of the builds; none of a job that builds nothing */
  constructor(
    readonly id: JobId,
    spec: JobSpec,
    at: Date,
    readonly prediction?: Prediction,
  ) {
    this.spec = spec;
    this.submittedAt = this.lastAt = at;
    this.needs = needsOf(spec);
    const hasModules = spec.test?.$case === 'boot' && spec.test.value.modules.length > 0;
    this.evidence = new Evidence(Math.max(1, spec.runs), !hasModules);
    this.#ends = new Ends(spec, this.evidence, this.verdicts);
    this.#search = new JobSearch(this.#ends, this.evidence, prediction, this.#marks);
    this.#findings = new Findings(this.#ends, this.evidence, this.verdicts, this.#marks);
    this.certificate = new Certificate(spec, () =>
      trialsOfChecks(this.#ends, this.evidence, this.#search.noisy),
    );
    this.#audit = prediction && spec.audit ? new Audit(prediction, spec.audit) : undefined;
  }

  /** The search, once the range is read. */
  get standing(): Standing | undefined {
    return this.#search.standing;
  }

  /** The verdict that a person has given on a commit. */
  markOf(commit: CommitId): Mark | undefined {
    return this.#marks.of(commit);
  }

  /** Whether a person has given a verdict that stands. */
  get marked(): boolean {
    return this.#marks.verdicts.length > 0;
  }

  get over(): boolean {
    return isOver(this.state);
  }

  /** Since when no agent has done anything for it; undefined while one does. */
  get idleSince(): Date | undefined {
    return this.leases.liveCount > 0 ? undefined : (this.leases.lastEndedAt ?? this.submittedAt);
  }

  /** Candidates that are left, once the range is read. */
  get remaining(): number {
    return this.#search.standing?.search.remaining ?? 0;
  }

  expectedRounds(slots: number): number {
    return this.#search.standing?.search.expectedRounds(Math.max(1, slots)) ?? 0;
  }

  /** Where the history of old and of new parted, when old is not an ancestor of new. */
  get mergeBases(): readonly CommitId[] {
    return this.#ends.mergeBases;
  }

  /** What the two ends show, once they are proved. */
  get proof(): Proof | undefined {
    return this.#ends.proof;
  }

  /** Position of a commit in the range, oldest first; undefined outside of it. */
  position(commit: CommitId): number | undefined {
    return this.#search.range?.graph.indexOf(commit);
  }

  /** Hands in the range, which is not in the journal as git always gives the same. */
  attach(range: Range): void {
    this.#search.attach(range);
  }

  /** Takes in what was learned of builds since the last time; says whether it changed the classes. */
  collapse(): boolean {
    const changed = this.prediction?.update() ?? false;
    if (changed) this.#search.renew();
    return changed;
  }

  /** Commits outside of the range whose images matter to it too; the last is an old end. */
  get outside(): CommitId[] {
    return outsideOf(this.#ends.olds, this.#search.range?.mergeBases ?? []);
  }

  /** The console whose stack trace names files to suspect, once, when the range is read; none when new does not crash. */
  takeCrash(): { readonly graph: CommitGraph; readonly console: BlobRef } | undefined {
    const { graph } = this.#search.range ?? {};
    if (this.over || this.#crashTaken || this.#crash === undefined || graph === undefined) return undefined;
    this.#crashTaken = true;
    return { graph, console: this.#crash };
  }

  /** What has to be made for the culprit's checks, once. */
  takeQuestion(): Question | undefined {
    const question = this.over ? undefined : this.certificate.takeQuestion();
    if (question?.kind !== 'certificate') return question;
    const { graph } = this.#search.range ?? {};
    const index = graph?.indexOf(question.culprit);
    if (graph === undefined || index === undefined) return undefined;
    const parents = [...graph.parents(index)].map((parent) => graph.id(parent));
    const whole = this.spec.pathspecs.length === 0;
    return { ...question, parents: whole ? undefined : parents.length > 0 ? parents : this.#ends.olds };
  }

  /** Takes in which commits touch what the crash names. */
  suspect(suspects: readonly Suspects[]): void {
    this.#search.suspect(suspects);
  }

  /**
   * Commits of the range and its ends whose id begins so.
   * @throws KbisectError `failed-precondition` before the range is read and when the job is over
   */
  named(prefix: string): CommitId[] {
    const { graph } = this.#openRange();
    const ids = Array.from({ length: graph.size }, (_, index) => graph.id(index));
    const ends = [this.#ends.new, ...this.#ends.olds, ...this.#ends.mergeBases];
    return [...new Set([...ends, ...ids])].filter((commit) => commit.startsWith(prefix));
  }

  /**
   * Whether a commit can be marked so.
   * @throws KbisectError `failed-precondition`, with what to do, when it cannot
   */
  checkMark(commit: CommitId, verdict: Verdict): void {
    const { graph } = this.#openRange();
    const refuse = (reason: string) => new KbisectError('failed-precondition', reason);
    if (this.#ends.isEnd(commit)) {
      throw refuse(`${shortId(commit)} is an end of job ${this.id}: ends are proved, not marked`);
    }
    if (graph.indexOf(commit) === undefined) {
      throw refuse(`${shortId(commit)} is not in the range of job ${this.id}`);
    }
    const verdicts = this.#search.noisy ? [] : this.verdicts;
    const reason = this.#marks.contradiction(graph, commit, verdict, verdicts);
    if (reason !== undefined) throw refuse(reason);
  }

  /**
   * Whether a commit can be tried again.
   * @throws KbisectError `failed-precondition`, with what to do, when it cannot
   */
  checkRerun(commit: CommitId): void {
    const { graph } = this.#openRange();
    const refuse = (reason: string) => new KbisectError('failed-precondition', reason);
    if (graph.indexOf(commit) === undefined && !this.#ends.isEnd(commit)) {
      throw refuse(`${shortId(commit)} is not in the range of job ${this.id}`);
    }
    const busy = this.leases.live.find((lease) => lease.commit === commit && lease.check === undefined);
    if (busy) throw refuse(`${busy.agent} tests ${shortId(commit)} just now; rerun it when that is done`);
  }

  #openRange(): Range {
    const { range } = this.#search;
    if (this.over) throw itIsOver(this.id);
    if (range !== undefined) return range;
    throw new KbisectError('failed-precondition', `the range of job ${this.id} is being read; try again`);
  }

  get attached(): boolean {
    return this.#search.range !== undefined;
  }

  /** Takes in what the journal has. */
  apply(event: JobEvent): void {
    this.version += 1;
    this.lastAt = event.at ?? this.lastAt;
    const fact = event.fact;
    switch (fact?.$case) {
      case 'collapsed':
        this.classes = fact.value.classes;
        return;
      case 'refuted':
        this.prediction?.refute({ one: commitId(fact.value.one), other: commitId(fact.value.other) });
        this.collapse();
        return;
      case 'mended':
        for (const commit of this.#fixups.mended(fact)) this.#rebuild(commit);
        this.#search.renew();
        return;
      case 'submitted':
      case undefined:
        return;
      case 'started':
        this.state = JobState.JOB_STATE_PROVING;
        this.commits = fact.value.candidates;
        this.#ends.mergeBases = fact.value.mergeBases.map(commitId);
        return;
      case 'leased':
        this.leases.granted(fact, this.lastAt);
        return;
      case 'leaseEnded': {
        const failed = this.leases.ended(fact, this.lastAt);
        if (failed === undefined) return;
        const check = this.certificate.stateOf(failed.check);
        if (check === undefined) this.evidence.failed(failed, fact.value.detail);
        else {
          check.failedOn.push(failed.agent);
          check.lastFailure = fact.value.detail;
        }
        return;
      }
      case 'checking':
        this.state = JobState.JOB_STATE_CERTIFYING;
        this.certificate.checking(fact);
        return;
      case 'minimising':
        this.certificate.minimising(fact);
        return;
      case 'checked':
        if (!this.certificate.checked(fact)) return;
        this.state = JobState.JOB_STATE_SEARCHING;
        this.#search.distrust();
        return;
      case 'built':
        this.leases.built(fact);
        if (this.#checkBuilt(fact)) return;
        this.evidence.built(fact);
        this.#search.hear(fact);
        this.#learnBuild(fact, this.leases.get(leaseId(fact.value.lease))?.fixups ?? []);
        return;
      case 'tried':
        this.leases.tried(fact);
        if (this.#checkTried(fact)) return;
        this.evidence.tried(fact, this.leases.get(leaseId(fact.value.lease))?.agent);
        this.#search.hear(fact);
        if (this.#contradictsItself(commitId(fact.value.commit))) this.#search.distrust();
        if (fact.value.commit === this.#ends.new && fact.value.outcome?.kind?.$case === 'crash')
          this.#crash ??= fact.value.console;
        return;
      case 'marked': {
        this.#marks.marked(fact);
        this.evidence.unjudged.add(commitId(fact.value.commit));
        this.#searchAgain();
        return;
      }
      case 'rerun': {
        const commit = commitId(fact.value.commit);
        const marked = this.#marks.lift(commit);
        if (marked || this.verdicts.get(commit) === Verdict.VERDICT_SKIP) this.#rebuild(commit);
        this.evidence.rerun(commit);
        if (marked) this.#searchAgain();
        else this.#search.renew();
        return;
      }
      case 'judged': {
        const commit = commitId(fact.value.commit);
        this.verdicts.delete(commit); // one that is given again counts from now
        this.verdicts.set(commit, fact.value.verdict);
        this.evidence.unjudged.delete(commit);
        this.#search.hear(fact);
        return;
      }
      case 'ended':
        this.state = fact.value.state;
        if (fact.value.audited !== undefined) {
          this.audited = { done: fact.value.audited, refuted: this.prediction?.refutations.length ?? 0 };
        }
        this.culprit = fact.value.culprit === '' ? undefined : commitId(fact.value.culprit);
        this.candidates = fact.value.candidates.map(commitId);
        this.pair = fact.value.pair.map(commitId);
        this.minimalConfig = fact.value.minimalConfig;
        this.reason = fact.value.reason;
        this.confidence = fact.value.confidence;
        // Nothing is searched any more, and a farm has many jobs that are over.
        this.#search.release();
        this.leases.release();
        return;
    }
  }

  /** The fact that follows from those that are known, or undefined when more must be tested first. */
  next(): Fact | undefined {
    const { range, standing } = this.#search;
    if (this.over || range === undefined || standing === undefined) return undefined;
    if (this.state === JobState.JOB_STATE_PREPARING) {
      const { mergeBases, graph } = range;
      return { $case: 'started', value: { mergeBases: [...mergeBases], candidates: graph.size } };
    }
    const fact = this.#predicted() ?? this.#ends.next();
    if (fact || this.#ends.unproved().length > 0) return fact;
    const judged = this.#findings.judge(standing);
    if (judged) {
      const picked = this.#fixups.pickedOn(commitId(judged.value.commit)).map(shortId);
      if (picked.length > 0) judged.value.reason += `, with ${picked.join(' and ')} picked`;
      return judged;
    }
    const { kind } = standing.search.conclusion();
    if (this.evidence.reruns.length > 0) return undefined;
    if (kind !== 'searching' && this.#audits().length > 0) return undefined;
    const mending = kind === 'found' ? undefined : this.#mending();
    if (mending !== undefined) return 'probe' in mending ? undefined : mending;
    const certified = this.#certify(standing);
    if (certified !== undefined) return certified === 'wait' ? undefined : certified;
    const end = this.#findings.end(standing);
    if (end?.$case === 'ended' && end.value.state === JobState.JOB_STATE_FOUND) {
      const { pairing } = this.certificate;
      if (pairing?.kind === 'found') end.value.pair = [...pairing.pair];
      if (pairing?.kind === 'none')
        end.value.reason = `no pair of commits of the two sides is named: ${pairing.reason}`;
      end.value.minimalConfig = this.certificate.config?.result;
    }
    if (end?.$case === 'ended' && this.#audit !== undefined) end.value.audited = this.#audit.done;
    return end;
  }

  /**
   * At most `slots` commits that are worth a lease now, besides those that have one.
   * @param trees commits at which the trees stand that could be built in
   */
  wanted(slots: number, trees: readonly CommitId[] = []): Wanted[] {
    const { standing } = this.#search;
    if (this.over || standing === undefined || this.state === JobState.JOB_STATE_PREPARING) return [];
    const reruns = this.#rerunsWanted(standing);
    const others = this.#wantedToKnow(standing, slots - reruns.length, trees);
    return [...reruns, ...others.filter(({ commit, check }) => check || !isAmong(reruns, commit))].slice(
      0,
      slots,
    );
  }

  /** Commits that a person wants to be tried again. */
  #rerunsWanted({ graph }: Standing): Wanted[] {
    const leased = new Set(this.leases.live.map((lease) => lease.commit));
    return this.evidence.reruns
      .filter((commit) => !leased.has(commit))
      .map((commit) => ({ commit, audit: false, fixups: this.#fixups.of(commit, graph) }));
  }

  #wantedToKnow(standing: Standing, slots: number, trees: readonly CommitId[]): Wanted[] {
    if (slots <= 0) return [];
    if (this.state === JobState.JOB_STATE_CERTIFYING) return this.#checksWanted(standing).slice(0, slots);
    const leased = new Set(this.leases.live.map((lease) => lease.commit));
    const unproved = this.#ends.unproved();
    if (unproved.length > 0) {
      const untested = unproved.filter((end) => !leased.has(end) && !this.evidence.isTested(end));
      return untested.slice(0, slots).map((commit) => ({ commit, audit: false, fixups: [] }));
    }
    // What the builds so far tell of all others is worth more than the moment that it takes to read.
    if (this.prediction?.reading) return [];
    const { graph, search } = standing;
    const tip = this.#findings.openTip(standing);
    if (tip !== undefined)
      return leased.has(tip) ? [] : [{ commit: tip, audit: false, fixups: [] }].slice(0, slots);
    const inFlight = this.leases.live.flatMap(({ commit, audit, check }) =>
      audit || check !== undefined ? [] : (this.#search.place(graph, commit) ?? []),
    );
    const commitAt = (place: number) => this.#search.commitAt(graph, place);
    // Without builds one test takes as long as another.
    const cost = this.prediction && ((place: number) => this.forecast(commitAt(place), trees).seconds);
    const chosen = search.choose({ slots, inFlight, ...(cost && { cost }) });
    const mending = this.#mending();
    const probes = mending && 'probe' in mending && !leased.has(mending.probe) ? [mending.probe] : [];
    const tests = new Set([...probes, ...chosen.map(commitAt)]);
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
    const trials = this.trialsFor(commit) * this.evidence.trialSeconds;
    const { objects, seconds } = this.prediction?.forecast(commit, trees) ?? { objects: 0, seconds: 0 };
    return { objects, seconds: seconds + trials };
  }

  /** How often what is leased now is to be tried: once where trials may disagree, as each may change what is best next. */
  trialsFor(commit: CommitId, check?: CheckOrder): number {
    if (check !== undefined) return check.trials;
    const proving = this.#ends.unproved().length > 0;
    const whole = proving || !this.#search.noisy || this.evidence.reruns.includes(commit);
    return whole ? this.evidence.trialsLeft(commit) : 1;
  }

  /**
   * Seconds until the search is expected to end, with so many slots and trees at the given commits; 0 when that is not
   * known.
   */
  expectedSeconds(slots: number, trees: readonly CommitId[]): number {
    const { standing } = this.#search;
    if (standing === undefined || this.prediction?.classes === undefined) return 0;
    const { graph, search } = standing;
    const cost = (index: number) => this.forecast(graph.id(index), trees).seconds;
    const next = search.choose({ slots: Math.max(2, slots), inFlight: [], cost });
    const mean = next.reduce((sum, index) => sum + cost(index), 0) / Math.max(1, next.length);
    return mean * this.expectedRounds(slots);
  }

  /** Live leases whose result can teach nothing more. Those that have told all end by themselves. */
  futile(): JobLease[] {
    const { live } = this.leases;
    if (this.over) return live;
    const checks = live.filter(
      ({ id, check, toldAll }) =>
        check !== undefined && !toldAll && (!this.certificate.isOpen(check) || this.leases.isOutdone(id)),
    );
    const reruns = new Set(this.evidence.reruns);
    const telling = live.filter(
      ({ commit, audit, toldAll, check }) => !audit && !toldAll && check === undefined && !reruns.has(commit),
    );
    const { standing } = this.#search;
    const isKnown = ({ commit }: JobLease) => this.verdicts.has(commit) || this.evidence.isTested(commit);
    const judged = telling.filter(
      (lease) =>
        this.leases.isOutdone(lease.id) ||
        this.#marks.of(lease.commit) !== undefined ||
        (!standing?.noisy && isKnown(lease)),
    );
    if (standing === undefined || this.#ends.unproved().length > 0) return [...judged, ...checks];
    const { graph, search } = standing;
    const places = telling.flatMap((lease) => this.#search.place(graph, lease.commit) ?? []);
    const futile = new Set<number | undefined>(search.futile(places));
    const others = telling.filter(
      (lease) => futile.has(this.#search.place(graph, lease.commit)) || judged.includes(lease),
    );
    return [...others, ...checks];
  }

  /** What follows for the culprit that the search has come to, before it is named. */
  #certify(standing: Standing): Fact | 'wait' | undefined {
    const culprit = this.#findings.culprit(standing);
    const { proof } = this.#ends;
    const certifying = this.state === JobState.JOB_STATE_CERTIFYING;
    if (proof === undefined || (culprit === undefined && !certifying)) return undefined;
    return this.certificate.next(culprit, readerOf(this.#ends, this.evidence, proof));
  }

  #checksWanted({ graph }: Standing): Wanted[] {
    const leased = new Set(this.leases.live.map(({ check }) => check));
    return this.certificate
      .wanted()
      .filter(({ check }) => !leased.has(check))
      .map((check) => {
        // The commits of the range are built as they were, all others as they are.
        const fixups = graph.indexOf(check.commit) === undefined ? [] : this.#fixups.of(check.commit, graph);
        return { commit: check.commit, audit: false, fixups, check };
      });
  }

  /** Takes in a build that was for a check; says whether it was. */
  #checkBuilt(fact: FactOf<'built'>): boolean {
    const check = this.#checkOf(fact);
    if (check === undefined) return false;
    this.evidence.count(fact);
    if (!fact.value.cached) check.builds += 1;
    if (fact.value.image === undefined) check.buildFailure = fact.value.failure;
    else check.image = fact.value.image.digest;
    if (fact.value.config) check.config = fact.value.config;
    return true;
  }

  /** Takes in a trial that was for a check; says whether it tells the search nothing. */
  #checkTried(fact: FactOf<'tried'>): boolean {
    const check = this.#checkOf(fact);
    if (check === undefined) return false;
    if (fact.value.outcome) check.outcomes.push(fact.value.outcome);
    switch (check.check.kind) {
      case CheckKind.CHECK_KIND_CULPRIT:
      case CheckKind.CHECK_KIND_PARENT:
        return false;
      case CheckKind.CHECK_KIND_REVERT:
      case CheckKind.CHECK_KIND_PAIR:
      case CheckKind.CHECK_KIND_BACKPORT:
      case CheckKind.CHECK_KIND_CONFIG:
      case CheckKind.CHECK_KIND_UNSPECIFIED:
        this.evidence.count(fact);
        return true;
    }
  }

  #checkOf({ value }: FactOf<'built'> | FactOf<'tried'>) {
    return this.certificate.stateOf(this.leases.get(leaseId(value.lease))?.check);
  }

  /** What follows from the builds for the prediction of others. */
  #predicted(): Fact | undefined {
    if (this.prediction === undefined || this.prediction.reading) return undefined;
    const { classes, commits } = this.prediction;
    if (classes === undefined) return undefined;
    const refuted = this.prediction.contradiction();
    if (refuted !== undefined) return { $case: 'refuted', value: refuted };
    return classes === this.classes ? undefined : { $case: 'collapsed', value: { classes, commits } };
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

  /** Takes back what a commit was judged to be. */
  #rebuild(commit: CommitId): void {
    this.evidence.rebuild(commit);
    this.verdicts.delete(commit);
    this.#search.forgetVerdict(commit);
  }

  /** A person has changed what the search knows: what it had come to has to follow anew. */
  #searchAgain(): void {
    if (this.state === JobState.JOB_STATE_CERTIFYING) {
      this.state = JobState.JOB_STATE_SEARCHING;
      this.certificate.leave();
    }
    this.#search.renew();
  }

  /** Whether trials of a commit that was tried again speak for both ends. */
  #contradictsItself(commit: CommitId): boolean {
    const { outcomes, before } = this.evidence.of(commit);
    const { proof, wanted } = this.#ends;
    if (before === undefined || proof === undefined) return false;
    const readings = new Set(outcomes.map((outcome) => readingOf(outcome, proof, wanted)));
    return readings.has('old') && readings.has('new');
  }

  /** What is to be done about commits that do not build. */
  #mending(): Fact | { probe: CommitId } | undefined {
    const { standing } = this.#search;
    if (standing === undefined || this.spec.test?.$case !== 'boot') return undefined;
    const stuck = standing.search.conclusion().kind === 'ambiguous';
    const isSkipped = (commit: CommitId) => this.verdicts.get(commit) === Verdict.VERDICT_SKIP;
    return this.#fixups.next(standing.graph, this.prediction?.range, stuck, isSkipped);
  }
}

/** A commit that is worth a lease; of an audit only the image is wanted. */
export interface Wanted {
  readonly commit: CommitId;
  readonly audit: boolean;
  /** What is cherry-picked before it is built. */
  readonly fixups: readonly CommitId[];
  /** The straggler beside which it is to run. */
  readonly doubles?: LeaseId;
  /** The check that it is for. */
  readonly check?: CheckOrder;
}

function isAmong(reruns: readonly Wanted[], commit: CommitId): boolean {
  return reruns.some((rerun) => rerun.commit === commit);
}
