import {
  JobState,
  Verdict,
  type BlobRef,
  type JobEvent,
  type JobSpec,
  type MinimalConfig,
} from '@kbisect/shared/gen/kbisect/v1/job';
import { KbisectError } from '@kbisect/shared/errors';
import { commitId, leaseId, shortId, type CommitId, type JobId } from '@kbisect/shared/ids';
import { Audit } from '../classes/audit.js';
import type { Prediction } from '../classes/prediction.js';
import type { CommitGraph } from '../search/graph.js';
import type { Suspects } from '../search/priors.js';
import { Certificate } from './certificate.js';
import { takeBuild, takeTrial, tellsSearch, type CheckState } from './check-state.js';
import { readerOf, trialsOfChecks } from './check-reader.js';
import { Ends } from './ends.js';
import { Evidence } from './evidence.js';
import type { Fact, FactOf } from './facts.js';
import { Findings } from './findings.js';
import { Fixups } from './fixups.js';
import { JobLeases } from './job-leases.js';
import { isOver } from './job-state.js';
import { JobSearch, type Standing } from './job-search.js';
import { JobTests } from './job-tests.js';
import { Marks, type Mark } from './marks.js';
import { needsOf, type Need } from './needs.js';
import type { Question } from './output.js';
import type { Proof } from './oracle.js';
import { itIsOver } from './past-job.js';
import { readingOf } from './noise.js';
import { outsideOf, type Range } from './range.js';

/**
 * One bisection: the sum of its events. `apply` takes in a fact; `next` says which fact follows from those that
 * are known; `tests` says what should and need not be tested now.
 */
export class Job {
  readonly spec: JobSpec;
  state = JobState.JOB_STATE_PREPARING;
  readonly evidence: Evidence;
  /** In the order they came, ends included. */
  readonly verdicts = new Map<CommitId, Verdict>();
  readonly leases = new JobLeases();
  readonly certificate: Certificate;
  /** Those that are worth a lease now. */
  readonly tests: JobTests;
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
    const { evidence, verdicts, leases, certificate } = this;
    this.tests = new JobTests({
      ...{ spec, prediction, evidence, verdicts, leases, certificate },
      ...{ ends: this.#ends, search: this.#search, findings: this.#findings },
      ...{ fixups: this.#fixups, marks: this.#marks, audit: this.#audit },
      state: () => this.state,
    });
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
      case 'built': {
        this.leases.built(fact);
        const check = this.#checkOf(fact);
        if (check !== undefined) {
          takeBuild(check, fact);
          this.evidence.count(fact);
          return;
        }
        this.evidence.built(fact);
        this.#search.hear(fact);
        this.#learnBuild(fact, this.leases.get(leaseId(fact.value.lease))?.fixups ?? []);
        return;
      }
      case 'tried': {
        this.leases.tried(fact);
        const check = this.#checkOf(fact);
        if (check !== undefined) takeTrial(check, fact);
        if (check !== undefined && !tellsSearch(check)) {
          this.evidence.count(fact);
          return;
        }
        this.evidence.tried(fact, this.leases.get(leaseId(fact.value.lease))?.agent);
        this.#search.hear(fact);
        if (this.#contradictsItself(commitId(fact.value.commit))) this.#search.distrust();
        if (fact.value.commit === this.#ends.new && fact.value.outcome?.kind?.$case === 'crash')
          this.#crash ??= fact.value.console;
        return;
      }
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
    if (kind !== 'searching' && this.tests.audits().length > 0) return undefined;
    const mending = kind === 'found' ? undefined : this.tests.mending();
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

  /** What follows for the culprit that the search has come to, before it is named. */
  #certify(standing: Standing): Fact | 'wait' | undefined {
    const culprit = this.#findings.culprit(standing);
    const { proof } = this.#ends;
    const certifying = this.state === JobState.JOB_STATE_CERTIFYING;
    if (proof === undefined || (culprit === undefined && !certifying)) return undefined;
    return this.certificate.next(culprit, readerOf(this.#ends, this.evidence, proof));
  }

  #checkOf({ value }: FactOf<'built'> | FactOf<'tried'>): CheckState | undefined {
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
}
