import type { Outcome } from '@kbisect/shared/gen/kbisect/v1/job';
import { commitId, type AgentName, type CommitId } from '@kbisect/shared/ids';
import type { FactOf } from './facts.js';
import type { JobLease } from './job-leases.js';

/** What fewer agents failed to test is not given up. */
export const MAX_FAILURES = 3;
/** And after so many it is, whatever else failed. */
const MAX_RETRIES = 10;
/** Between the two it is given up when failures as frequent as those of the other commits make as many in a row less likely. */
const CHANCE = 0.0005;
/** Other commits are taken to have been tested so often before the first of them is, and to have failed once. */
const BEFORE = 5;

/** All that is known of one commit. */
export interface CommitEvidence {
  readonly outcomes: Outcome[];
  /** How many of the outcomes came before it was to be tried again. */
  before?: number;
  /** SHA-256 of its image, once it is built. */
  image?: string;
  /** What its longest trial took, in seconds. */
  longest?: number;
  buildFailure?: string;
  /** The agent that tried it first. */
  triedOn?: AgentName;
  /** Agents that failed to test it for reasons that are not the commit's. */
  readonly failedOn: AgentName[];
  lastFailure?: string;
}

/** What a job's builds and trials have told. */
export class Evidence {
  readonly #known = new Map<CommitId, CommitEvidence>();
  /** Commits with evidence that no verdict has taken in. */
  readonly unjudged = new Set<CommitId>();
  /** Commits that people want tried again. */
  readonly #rerun = new Set<CommitId>();
  /** The commits that gave each image. */
  readonly #imaged = new Map<string, CommitId[]>();
  builds = 0;
  trials = 0;
  cacheHits = 0;
  #seconds = 0;

  /**
   * @param runs trials of each end and, where trials do not disagree, of each commit
   * @param shares whether commits of one image show the same: not where modules are loaded, which are not in it
   */
  constructor(
    readonly runs: number,
    private readonly shares = true,
  ) {}

  get commits(): Iterable<CommitId> {
    return this.#known.keys();
  }

  of(commit: CommitId): CommitEvidence {
    let known = this.#known.get(commit);
    if (known === undefined) this.#known.set(commit, (known = { outcomes: [], failedOn: [] }));
    return known;
  }

  /** Counts a build or a trial, whatever it is of. */
  count(fact: FactOf<'built'> | FactOf<'tried'>): void {
    if (fact.$case === 'tried') {
      this.trials += 1;
      this.#seconds += fact.value.seconds;
    } else if (fact.value.cached) this.cacheHits += 1;
    else this.builds += 1;
  }

  built(fact: FactOf<'built'>): void {
    this.count(fact);
    const { value } = fact;
    const commit = commitId(value.commit);
    if (value.image !== undefined) {
      this.#gave(value.image.digest, commit);
      return;
    }
    this.of(commit).buildFailure = value.failure;
    this.unjudged.add(commit);
  }

  tried(fact: FactOf<'tried'>, agent: AgentName | undefined): void {
    this.count(fact);
    const { value } = fact;
    const commit = commitId(value.commit);
    const known = this.of(commit);
    if (agent !== undefined) known.triedOn ??= agent;
    if (value.outcome) known.outcomes.push(value.outcome);
    known.longest = Math.max(known.longest ?? 0, value.seconds);
    this.unjudged.add(commit);
  }

  /** The commit is to have one more set of trials. */
  rerun(commit: CommitId): void {
    const known = this.of(commit);
    this.#rerun.add(commit);
    known.before = known.outcomes.length;
    delete known.buildFailure;
    known.failedOn.length = 0;
  }

  /** Commits that are to be tried again and have not been yet. */
  get reruns(): CommitId[] {
    return [...this.#rerun].filter((commit) => !this.isTested(commit) && this.givenUp(commit) === undefined);
  }

  /** Outcomes that tell of a commit: since it was to be tried again. */
  latest(commit: CommitId): Outcome[] {
    const { outcomes, before = 0 } = this.of(commit);
    return outcomes.slice(before);
  }

  /** Forgets that a commit does not build: it is to be built again, in another way. */
  rebuild(commit: CommitId): void {
    delete this.of(commit).buildFailure;
    this.unjudged.delete(commit);
  }

  #gave(image: string, commit: CommitId): void {
    this.of(commit).image = image;
    if (!this.shares) return;
    const commits = this.#imaged.get(image) ?? [];
    if (!commits.includes(commit)) commits.push(commit);
    this.#imaged.set(image, commits);
    // What is known of one of them is known of all.
    if (commits.length > 1) for (const one of commits) this.unjudged.add(one);
  }

  /** An agent could not test the commit. */
  failed({ commit, agent }: JobLease, reason: string): void {
    const known = this.of(commit);
    known.failedOn.push(agent);
    known.lastFailure = reason;
    this.unjudged.add(commit);
  }

  /** Mean time of a trial so far. */
  get trialSeconds(): number {
    return this.trials === 0 ? 1 : this.#seconds / this.trials;
  }

  /** Commits that gave one image, of each image that several gave. */
  get twins(): CommitId[][] {
    return [...this.#imaged.values()].filter((commits) => commits.length > 1);
  }

  /** Other commits that gave the image of this one, in the order that they were built. */
  alike(commit: CommitId): CommitId[] {
    const { image } = this.of(commit);
    return (this.#imaged.get(image ?? '') ?? []).filter((other) => other !== commit);
  }

  /** The outcomes of all commits that gave an image. */
  triedOf(image: string): Outcome[] {
    return (this.#imaged.get(image) ?? []).flatMap((commit) => this.of(commit).outcomes);
  }

  /** Whether all is known of a commit that its trials can tell. */
  isTested(commit: CommitId): boolean {
    return this.of(commit).buildFailure !== undefined || this.latest(commit).length >= this.runs;
  }

  /** Trials that a commit still needs. */
  trialsLeft(commit: CommitId): number {
    return Math.max(1, this.runs - this.latest(commit).length);
  }

  /**
   * Why no more agents try it, when so many have failed to. Where they fail with other commits as well, as in a lab whose
   * power comes and goes, it takes more.
   */
  givenUp(commit: CommitId): string | undefined {
    const { failedOn, lastFailure } = this.of(commit);
    const failures = failedOn.length;
    if (failures < MAX_FAILURES) return undefined;
    if (failures < MAX_RETRIES && this.#failureRate(commit) ** failures > CHANCE) return undefined;
    return `no agent could test it, the last (${failedOn.at(-1) ?? ''}) said: ${lastFailure ?? ''}`;
  }

  /** The share of the tests of all other commits that agents failed to make. */
  #failureRate(commit: CommitId): number {
    let [failed, tested] = [1, BEFORE - 1];
    for (const [other, { failedOn, outcomes, buildFailure }] of this.#known) {
      if (other === commit) continue;
      failed += failedOn.length;
      if (outcomes.length > 0 || buildFailure !== undefined) tested += 1;
    }
    return failed / (failed + tested);
  }
}
