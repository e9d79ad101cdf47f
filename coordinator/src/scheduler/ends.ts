import { JobState, Verdict, type JobSpec } from '@kbisect/shared/gen/kbisect/v1/job';
import { commitId, shortId, type CommitId } from '@kbisect/shared/ids';
import type { Evidence } from './evidence.js';
import { aborted, ended, judged, type Fact } from './facts.js';
import { judgement } from './judgement.js';
import { Wanted } from './new-when.js';
import { describeTally, nearer, tally, toldApart, type Tally } from './noise.js';
import { checkEnds, describeOutcome, expectation, type Proof } from './oracle.js';

/** The ends of a job: old and new, which are proved first, and the merge bases, which are proved next. */
export class Ends {
  readonly olds: readonly CommitId[];
  readonly new: CommitId;
  mergeBases: readonly CommitId[] = [];
  /** What a trial of a new commit must show, if the job says so. */
  readonly wanted: Wanted | undefined;
  readonly #expected;
  #proof: Proof | undefined;

  constructor(
    spec: JobSpec,
    private readonly evidence: Evidence,
    private readonly verdicts: ReadonlyMap<CommitId, Verdict>,
  ) {
    this.olds = spec.olds.map(commitId);
    this.new = commitId(spec.new);
    this.wanted = Wanted.of(spec.newWhen);
    this.#expected = expectation(spec.mode, spec.test?.$case ?? 'boot');
  }

  /** What the ends show, once they are proved. */
  get proof(): Proof | undefined {
    if (this.#proof === undefined) this.#prove();
    return this.#proof;
  }

  /** Ends that have no verdict yet; the merge bases come when old and new are proved. */
  unproved(): CommitId[] {
    const ends = [this.new, ...this.olds].filter((end) => !this.verdicts.has(end));
    return ends.length > 0 ? ends : this.mergeBases.filter((base) => !this.verdicts.has(base));
  }

  isEnd(commit: CommitId): boolean {
    return commit === this.new || this.isOld(commit);
  }

  /** Whether the commit, which may lie outside of the range, is known to be old. */
  isOld(commit: CommitId): boolean {
    return this.olds.includes(commit) || this.mergeBases.includes(commit);
  }

  /** The fact that follows from what is known of the ends, or undefined when none does. */
  next(): Fact | undefined {
    return (this.#proof === undefined ? this.#prove() : this.#judge()) ?? this.#judgeMergeBases();
  }

  /** Why there is nothing to search, or undefined: the ends are proved then, or not all tested yet. */
  #prove(): Fact | undefined {
    const tallies = new Map<CommitId, Tally>();
    for (const end of [...this.olds, this.new]) {
      const { outcomes, buildFailure } = this.evidence.of(end);
      const name = end === this.new ? 'new' : 'old';
      const cannot = buildFailure ? `it does not build: ${buildFailure}` : this.evidence.givenUp(end);
      if (cannot) return aborted(`the ${name} end ${shortId(end)} cannot be proved: ${cannot}`);
      if (outcomes.length < this.evidence.runs) continue;
      const its = tally(this.#proving(end), this.wanted);
      if (its === undefined) {
        const outcome = outcomes[0] ? describeOutcome(outcomes[0]) : 'no outcome';
        return aborted(`the ${name} end ${shortId(end)} cannot be proved: ${outcome}`);
      }
      tallies.set(end, its);
    }
    const same = this.olds.find((old) => this.evidence.alike(old).includes(this.new));
    if (same !== undefined) {
      const reason = `old ${shortId(same)} and new give the same image: nothing between them reaches the kernel`;
      return ended(JobState.JOB_STATE_NO_DIFFERENCE, reason);
    }
    const newTally = tallies.get(this.new);
    if (newTally === undefined) return undefined;
    let proof: Proof | undefined;
    for (const old of this.olds) {
      const oldTally = tallies.get(old);
      if (oldTally === undefined) return undefined;
      const apart = toldApart(oldTally, newTally, this.#expected);
      const check = checkEnds(apart.old, apart.new, this.#expected, this.wanted);
      switch (check.kind) {
        case 'no-difference': {
          const flaky = oldTally.times < oldTally.of || newTally.times < newTally.of;
          const reason = flaky ? FLAKE : check.reason;
          return ended(JobState.JOB_STATE_NO_DIFFERENCE, `${reason}${this.#often(oldTally, newTally)}`);
        }
        case 'wrong-way-round':
          return aborted(check.reason);
        case 'proved':
          if (proof !== undefined && proof.old !== check.proof.old) {
            return aborted(
              `the old ends do not show the same: ${proof.old}, but ${shortId(old)} ${check.proof.old}`,
            );
          }
          proof = check.proof;
      }
    }
    this.#proof = proof;
    return this.#judge();
  }

  /** The verdict on the next end that has none yet, when the ends are proved. */
  #judge(): Fact | undefined {
    const end = [...this.olds, this.new].find((commit) => !this.verdicts.has(commit));
    if (end === undefined) return undefined;
    const its = tally(this.#proving(end), this.wanted);
    const verdict = end === this.new ? Verdict.VERDICT_NEW : Verdict.VERDICT_OLD;
    return judged(end, verdict, its ? describeTally(its) : '');
  }

  #judgeMergeBases(): Fact | undefined {
    for (const base of this.mergeBases) {
      if (this.verdicts.has(base)) continue;
      const fact = this.#baseJudgement(base);
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

  #baseJudgement(base: CommitId) {
    const given = judgement(base, this.evidence, this.proof, this.wanted);
    const { outcomes } = this.evidence.of(base);
    // Where trials may disagree, one does not tell.
    if (this.evidence.runs === 1 || given?.value.verdict === Verdict.VERDICT_SKIP || !this.#proof)
      return given;
    if (outcomes.length < this.evidence.runs) return undefined;
    const ends = { old: this.olds.flatMap((old) => this.#proving(old)), new: this.#proving(this.new) };
    const side = nearer(outcomes, ends, this.#proof, this.wanted);
    const its = tally(outcomes, this.wanted);
    if (side === undefined || its === undefined) return given;
    return judged(base, side === 'new' ? Verdict.VERDICT_NEW : Verdict.VERDICT_OLD, describeTally(its));
  }

  #often(old: Tally, neu: Tally): string {
    if (this.evidence.runs > 1) return ` (old: ${describeTally(old)}; new: ${describeTally(neu)})`;
    return neu.showing === 'pass' ? '; if it fails only sometimes, give --runs a number of trials' : '';
  }

  /** The trials by which an end is proved; later ones teach how often trials err. */
  #proving(end: CommitId) {
    return this.evidence.of(end).outcomes.slice(0, this.evidence.runs);
  }
}

const FLAKE = 'it is a flake: old and new fail too much alike to tell which a commit is; more --runs may';
