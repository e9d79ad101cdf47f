import { JobState, Verdict, type JobSpec } from '@kbisect/shared/gen/kbisect/v1/job';
import type { CommitId, LeaseId } from '@kbisect/shared/ids';
import type { Audit } from '../classes/audit.js';
import type { BuildForecast, Prediction } from '../classes/prediction.js';
import type { Certificate, CheckOrder } from './certificate.js';
import type { Ends } from './ends.js';
import type { Evidence } from './evidence.js';
import type { Fact } from './facts.js';
import type { Findings } from './findings.js';
import type { Fixups } from './fixups.js';
import type { JobLease, JobLeases } from './job-leases.js';
import type { JobSearch, Standing } from './job-search.js';
import { isOver } from './job-state.js';
import type { Marks } from './marks.js';

/** What is known of a job, as far as its tests follow from it. */
export interface JobParts {
  readonly spec: JobSpec;
  readonly state: () => JobState;
  readonly verdicts: ReadonlyMap<CommitId, Verdict>;
  readonly ends: Ends;
  readonly evidence: Evidence;
  readonly leases: JobLeases;
  readonly search: JobSearch;
  readonly findings: Findings;
  readonly fixups: Fixups;
  readonly marks: Marks;
  readonly certificate: Certificate;
  readonly audit: Audit | undefined;
  /** None of a job that builds nothing. */
  readonly prediction: Prediction | undefined;
}

/** A commit that is worth a lease; of an audit only the image is wanted. */
export interface WantedTest {
  readonly commit: CommitId;
  readonly audit: boolean;
  /** What is cherry-picked before it is built. */
  readonly fixups: readonly CommitId[];
  /** The straggler beside which it is to run. */
  readonly doubles?: LeaseId;
  /** The check that it is for. */
  readonly check?: CheckOrder;
}

/** The tests of a job: which are worth a lease now, what they will take, and which can teach nothing more. */
export class JobTests {
  constructor(private readonly job: JobParts) {}

  /**
   * At most `slots` commits that are worth a lease now, besides those that have one.
   * @param trees commits at which the trees stand that could be built in
   */
  wanted(slots: number, trees: readonly CommitId[] = []): WantedTest[] {
    const { standing } = this.job.search;
    if (
      isOver(this.job.state()) ||
      standing === undefined ||
      this.job.state() === JobState.JOB_STATE_PREPARING
    )
      return [];
    const reruns = this.#rerunsWanted(standing);
    const others = this.#wantedToKnow(standing, slots - reruns.length, trees);
    return [...reruns, ...others.filter(({ commit, check }) => check || !isAmong(reruns, commit))].slice(
      0,
      slots,
    );
  }

  /** Commits that a person wants to be tried again. */
  #rerunsWanted({ graph }: Standing): WantedTest[] {
    const leased = new Set(this.job.leases.live.map((lease) => lease.commit));
    return this.job.evidence.reruns
      .filter((commit) => !leased.has(commit))
      .map((commit) => ({ commit, audit: false, fixups: this.job.fixups.of(commit, graph) }));
  }

  #wantedToKnow(standing: Standing, slots: number, trees: readonly CommitId[]): WantedTest[] {
    if (slots <= 0) return [];
    if (this.job.state() === JobState.JOB_STATE_CERTIFYING)
      return this.#checksWanted(standing).slice(0, slots);
    const leased = new Set(this.job.leases.live.map((lease) => lease.commit));
    const unproved = this.job.ends.unproved();
    if (unproved.length > 0) {
      const untested = unproved.filter((end) => !leased.has(end) && !this.job.evidence.isTested(end));
      return untested.slice(0, slots).map((commit) => ({ commit, audit: false, fixups: [] }));
    }
    // What the builds so far tell of all others is worth more than the moment that it takes to read.
    if (this.job.prediction?.reading) return [];
    const { graph, search } = standing;
    const tip = this.job.findings.openTip(standing);
    if (tip !== undefined)
      return leased.has(tip) ? [] : [{ commit: tip, audit: false, fixups: [] }].slice(0, slots);
    const inFlight = this.job.leases.live.flatMap(({ commit, audit, check }) =>
      audit || check !== undefined ? [] : (this.job.search.place(graph, commit) ?? []),
    );
    const commitAt = (place: number) => this.job.search.commitAt(graph, place);
    // Without builds one test takes as long as another.
    const cost = this.job.prediction && ((place: number) => this.forecast(commitAt(place), trees).seconds);
    const chosen = search.choose({ slots, inFlight, ...(cost && { cost }) });
    const mending = this.mending();
    const probes = mending && 'probe' in mending && !leased.has(mending.probe) ? [mending.probe] : [];
    const tests = new Set([...probes, ...chosen.map(commitAt)]);
    const wanted = [...tests].map((commit) => ({
      commit,
      audit: false,
      fixups: this.job.fixups.of(commit, graph),
    }));
    const audited = this.audits().filter((commit) => !leased.has(commit));
    return [...wanted, ...audited.map((commit) => ({ commit, audit: true, fixups: [] }))].slice(0, slots);
  }

  /** What a test of a commit is expected to take: its build, on an agent with trees at the given commits, and its trials. */
  forecast(commit: CommitId, trees: readonly CommitId[]): BuildForecast {
    const trials = this.trialsFor(commit) * this.job.evidence.trialSeconds;
    const { objects, seconds } = this.job.prediction?.forecast(commit, trees) ?? { objects: 0, seconds: 0 };
    return { objects, seconds: seconds + trials };
  }

  /** How often what is leased now is to be tried: once where trials may disagree, as each may change what is best next. */
  trialsFor(commit: CommitId, check?: CheckOrder): number {
    if (check !== undefined) return check.trials;
    const proving = this.job.ends.unproved().length > 0;
    const whole = proving || !this.job.search.noisy || this.job.evidence.reruns.includes(commit);
    return whole ? this.job.evidence.trialsLeft(commit) : 1;
  }

  /** Rounds of so many slots until the search is expected to end; 0 while the range is not read. */
  expectedRounds(slots: number): number {
    return this.job.search.standing?.search.expectedRounds(Math.max(1, slots)) ?? 0;
  }

  /**
   * Seconds until the search is expected to end, with so many slots and trees at the given commits; 0 when that is not
   * known.
   */
  expectedSeconds(slots: number, trees: readonly CommitId[]): number {
    const { standing } = this.job.search;
    if (standing === undefined || this.job.prediction?.classes === undefined) return 0;
    const { graph, search } = standing;
    const cost = (index: number) => this.forecast(graph.id(index), trees).seconds;
    const next = search.choose({ slots: Math.max(2, slots), inFlight: [], cost });
    const mean = next.reduce((sum, index) => sum + cost(index), 0) / Math.max(1, next.length);
    return mean * this.expectedRounds(slots);
  }

  /** Live leases whose result can teach nothing more. Those that have told all end by themselves. */
  futile(): JobLease[] {
    const { live } = this.job.leases;
    if (isOver(this.job.state())) return live;
    const checks = live.filter(
      ({ id, check, toldAll }) =>
        check !== undefined &&
        !toldAll &&
        (!this.job.certificate.isOpen(check) || this.job.leases.isOutdone(id)),
    );
    const reruns = new Set(this.job.evidence.reruns);
    const telling = live.filter(
      ({ commit, audit, toldAll, check }) => !audit && !toldAll && check === undefined && !reruns.has(commit),
    );
    const { standing } = this.job.search;
    const isKnown = ({ commit }: JobLease) =>
      this.job.verdicts.has(commit) || this.job.evidence.isTested(commit);
    const judged = telling.filter(
      (lease) =>
        this.job.leases.isOutdone(lease.id) ||
        this.job.marks.of(lease.commit) !== undefined ||
        (!standing?.noisy && isKnown(lease)),
    );
    if (standing === undefined || this.job.ends.unproved().length > 0) return [...judged, ...checks];
    const { graph, search } = standing;
    const places = telling.flatMap((lease) => this.job.search.place(graph, lease.commit) ?? []);
    const futile = new Set<number | undefined>(search.futile(places));
    const others = telling.filter(
      (lease) => futile.has(this.job.search.place(graph, lease.commit)) || judged.includes(lease),
    );
    return [...others, ...checks];
  }

  #checksWanted({ graph }: Standing): WantedTest[] {
    const leased = new Set(this.job.leases.live.map(({ check }) => check));
    return this.job.certificate
      .wanted()
      .filter(({ check }) => !leased.has(check))
      .map((check) => {
        // The commits of the range are built as they were, all others as they are.
        const fixups =
          graph.indexOf(check.commit) === undefined ? [] : this.job.fixups.of(check.commit, graph);
        return { commit: check.commit, audit: false, fixups, check };
      });
  }

  /** Commits that are still to be built for the audit. */
  audits(): CommitId[] {
    return (
      this.job.audit?.pending().filter((commit) => this.job.evidence.givenUp(commit) === undefined) ?? []
    );
  }

  /** What is to be done about commits that do not build. */
  mending(): Fact | { probe: CommitId } | undefined {
    const { standing } = this.job.search;
    if (standing === undefined || this.job.spec.test?.$case !== 'boot') return undefined;
    const stuck = standing.search.conclusion().kind === 'ambiguous';
    const isSkipped = (commit: CommitId) => this.job.verdicts.get(commit) === Verdict.VERDICT_SKIP;
    return this.job.fixups.next(standing.graph, this.job.prediction?.range, stuck, isSkipped);
  }
}

function isAmong(reruns: readonly WantedTest[], commit: CommitId): boolean {
  return reruns.some((rerun) => rerun.commit === commit);
}
