import { JobState, Verdict } from '@kbisect/shared/gen/kbisect/v1/job';
import { shortId, type CommitId } from '@kbisect/shared/ids';
import type { CommitGraph, CommitIndex } from '../search/graph.js';
import type { Reading } from '../search/search.js';
import type { Ends } from './ends.js';
import type { Evidence } from './evidence.js';
import { ended, inferred, judged, type Fact, type FactOf } from './facts.js';
import { impliedVerdicts } from './implied.js';
import { READINGS, type Standing } from './job-search.js';
import { judgement } from './judgement.js';
import type { Marks } from './marks.js';
import { CONFIDENCE, describeTally, tally, trialLimit } from './noise.js';

/** What follows from evidence and search once the ends are proved: verdicts, and how the job ends. */
export class Findings {
  constructor(
    private readonly ends: Ends,
    private readonly evidence: Evidence,
    private readonly verdicts: ReadonlyMap<CommitId, Verdict>,
    private readonly marks: Marks,
  ) {}

  /** The next verdict. */
  judge(standing: Standing): FactOf<'judged'> | undefined {
    for (const commit of this.evidence.unjudged) {
      // A parent of the culprit that lies behind the old ends is tried, and needs no verdict.
      if (standing.graph.indexOf(commit) === undefined && !this.ends.isEnd(commit)) continue;
      const mark = this.marks.of(commit);
      if (mark !== undefined) {
        if (mark.verdict !== this.verdicts.get(commit))
          return judged(commit, mark.verdict, `marked by ${mark.by}`);
        continue;
      }
      const fact = standing.noisy ? this.#likelyVerdict(commit, standing) : this.#verdict(commit);
      if (fact) return fact;
    }
    return undefined;
  }

  /**
   * The last commit of the range, when it alone is left, nothing says that it is new, and it is not tested yet: where
   * paths limit the range, what did it may lie outside of them.
   */
  openTip(standing: Standing): CommitId | undefined {
    const { graph, search, noisy } = standing;
    if (noisy) return undefined;
    const conclusion = search.conclusion();
    const tip = graph.id(graph.size - 1);
    const alone = conclusion.kind === 'found' && conclusion.culprit === graph.size - 1;
    return alone && tip !== this.ends.new && !this.verdicts.has(tip) ? tip : undefined;
  }

  /** The culprit, when the search has come to one and nothing is left to be tested of it. */
  culprit(standing: Standing): CommitId | undefined {
    const { graph, search, noisy } = standing;
    const conclusion = search.conclusion();
    if (conclusion.kind !== 'found' || this.openTip(standing) !== undefined) return undefined;
    const outside = noisy ? undefined : this.#outside(conclusion.culprit, graph);
    return outside === undefined ? graph.id(conclusion.culprit) : undefined;
  }

  /** How the job ends, after the verdicts that belong to that end; undefined while there is more to test. */
  end(standing: Standing): Fact | undefined {
    const { graph, search, noisy } = standing;
    const conclusion = search.conclusion();
    switch (conclusion.kind) {
      case 'searching': {
        const { runs, trials } = this.evidence;
        if (!noisy || trials < trialLimit(runs)) return undefined;
        const reason = `it is a flake: after ${trials} trials no commit of the range explains them`;
        return ended(JobState.JOB_STATE_NO_DIFFERENCE, reason);
      }
      case 'found': {
        if (this.openTip(standing) !== undefined) return undefined;
        const culprit = graph.id(conclusion.culprit);
        const confidence = noisy ? conclusion.confidence : undefined;
        return (
          (noisy ? undefined : this.#outside(conclusion.culprit, graph)) ??
          this.#implied([conclusion.culprit], graph) ??
          ended(JobState.JOB_STATE_FOUND, '', culprit, [], confidence)
        );
      }
      case 'ambiguous': {
        const candidates = conclusion.candidates.map((index) => graph.id(index));
        const reason = 'only commits that cannot be tested are left';
        return (
          this.#implied(conclusion.candidates, graph) ??
          ended(JobState.JOB_STATE_AMBIGUOUS, reason, undefined, candidates)
        );
      }
      case 'flake': {
        const reason =
          'it is a flake: old and new fail alike, and no commit of the range explains the trials';
        return ended(JobState.JOB_STATE_NO_DIFFERENCE, reason, undefined, [], conclusion.confidence);
      }
    }
  }

  /** How the job ends when what is left is the range's last commit, and its test says that this is not new. */
  #outside(culprit: CommitIndex, graph: CommitGraph): Fact | undefined {
    const tip = graph.id(culprit);
    if (culprit !== graph.size - 1 || tip === this.ends.new) return undefined;
    const verdict = this.verdicts.get(tip);
    if (verdict === Verdict.VERDICT_OLD) {
      const reason = `no commit of the given paths did it: with the last of them, ${shortId(tip)}, all is still old`;
      return ended(JobState.JOB_STATE_NO_DIFFERENCE, reason);
    }
    if (verdict !== Verdict.VERDICT_SKIP) return undefined;
    const reason = 'only a commit that cannot be tested is left, if it is one of the given paths at all';
    return ended(JobState.JOB_STATE_AMBIGUOUS, reason, undefined, [tip]);
  }

  /** The next verdict that `git bisect replay` needs to come to the same end. */
  #implied(candidates: readonly CommitIndex[], graph: CommitGraph): Fact | undefined {
    const verdicts = new Map<CommitIndex, Reading>();
    for (const [commit, verdict] of this.verdicts) {
      const index = graph.indexOf(commit);
      if (index !== undefined && verdict !== Verdict.VERDICT_UNSPECIFIED)
        verdicts.set(index, READINGS[verdict]);
    }
    const [first] = impliedVerdicts(graph, candidates, verdicts);
    if (first === undefined) return undefined;
    const verdict = first.reading === 'new' ? Verdict.VERDICT_NEW : Verdict.VERDICT_OLD;
    return inferred(graph.id(first.commit), verdict);
  }

  #verdict(commit: CommitId): FactOf<'judged'> | undefined {
    if (this.verdicts.has(commit)) return undefined;
    const twin = this.evidence.alike(commit).find((other) => this.verdicts.has(other));
    const known = twin && this.verdicts.get(twin);
    if (known !== undefined) return judged(commit, known, `its image is that of ${shortId(twin!)}`);
    return judgement(commit, this.evidence, this.ends.proof, this.ends.wanted);
  }

  /** Where trials may disagree, a verdict is given when it is all but certain, and again when that has changed. */
  #likelyVerdict(commit: CommitId, { graph, search }: Standing): FactOf<'judged'> | undefined {
    const index = graph.indexOf(commit);
    if (index === undefined || commit === this.ends.new) return undefined;
    const known = this.verdicts.get(commit);
    const shows = tally(this.evidence.of(commit).outcomes, this.ends.wanted);
    if (shows === undefined) {
      return known === undefined
        ? judgement(commit, this.evidence, this.ends.proof, this.ends.wanted)
        : undefined;
    }
    const probability = search.probability(index);
    const verdict =
      probability.new >= CONFIDENCE
        ? Verdict.VERDICT_NEW
        : probability.old >= CONFIDENCE
          ? Verdict.VERDICT_OLD
          : known;
    return verdict === undefined || verdict === known
      ? undefined
      : judged(commit, verdict, describeTally(shows));
  }
}
