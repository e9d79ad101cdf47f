import { JobState, Verdict, type JobSpec } from '@kbisect/shared/gen/kbisect/v1/job';
import { commitId, shortId, type CommitId } from '@kbisect/shared/ids';
import type { Evidence } from './evidence.js';
import { aborted, ended, judged, type Fact } from './facts.js';
import { judgement } from './judgement.js';
import { Wanted } from './new-when.js';
import { checkEnds, expectation, judge, shownByAll, type Proof, type Showing } from './oracle.js';

/** The ends of a job: old and new, which are proved first, and the merge bases, which are proved next. */
export class Ends {
  readonly olds: readonly CommitId[];
  readonly new: CommitId;
  mergeBases: readonly CommitId[] = [];
  /** What the ends show, once they are proved. */
  proof: Proof | undefined;
  /** What a trial of a new commit must show, if the job says so. */
  readonly wanted: Wanted | undefined;
  readonly #expected;

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

  /** Ends that have no verdict yet; the merge bases come when old and new are proved. */
  unproved(): CommitId[] {
    const ends = [this.new, ...this.olds].filter((end) => !this.verdicts.has(end));
    return ends.length > 0 ? ends : this.mergeBases.filter((base) => !this.verdicts.has(base));
  }

  /** The fact that follows from what is known of the ends, or undefined when none does. */
  next(): Fact | undefined {
    return this.#prove() ?? this.#judgeMergeBases();
  }

  #prove(): Fact | undefined {
    const ends = [...this.olds, this.new];
    if (ends.every((end) => this.verdicts.has(end)) && this.proof !== undefined) return undefined;
    const shown = new Map<CommitId, Showing>();
    for (const end of ends) {
      const { outcomes, buildFailure } = this.evidence.of(end);
      const name = end === this.new ? 'new' : 'old';
      const cannot = buildFailure ? `it does not build: ${buildFailure}` : this.evidence.givenUp(end);
      if (cannot) return aborted(`the ${name} end ${shortId(end)} cannot be proved: ${cannot}`);
      if (outcomes.length < this.evidence.runs) continue;
      const showing = shownByAll(outcomes, this.wanted);
      if (showing === undefined) {
        const { reason } = judge(outcomes, 0, { old: 'pass', new: 'fail' }) ?? { reason: 'no outcome' };
        return aborted(`the ${name} end ${shortId(end)} cannot be proved: ${reason}`);
      }
      shown.set(end, showing);
    }
    const newShows = shown.get(this.new);
    if (newShows === undefined) return undefined;
    for (const old of this.olds) {
      const oldShows = shown.get(old);
      if (oldShows === undefined) return undefined;
      const check = checkEnds(oldShows, newShows, this.#expected, this.wanted);
      switch (check.kind) {
        case 'no-difference':
          return ended(JobState.JOB_STATE_NO_DIFFERENCE, check.reason);
        case 'wrong-way-round':
          return aborted(check.reason);
        case 'proved':
          if (this.proof !== undefined && this.proof.old !== check.proof.old) {
            return aborted(
              `the old ends do not show the same: ${this.proof.old}, but ${shortId(old)} ${oldShows}`,
            );
          }
          this.proof = check.proof;
      }
    }
    const end = ends.find((commit) => !this.verdicts.has(commit));
    if (end === undefined) return undefined;
    return judged(end, end === this.new ? Verdict.VERDICT_NEW : Verdict.VERDICT_OLD, shown.get(end) ?? '');
  }

  #judgeMergeBases(): Fact | undefined {
    for (const base of this.mergeBases) {
      if (this.verdicts.has(base)) continue;
      const fact = judgement(base, this.evidence, this.proof, this.wanted);
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
}
