import { Verdict } from '@kbisect/shared/gen/kbisect/v1/job';
import { commitId, shortId, type CommitId } from '@kbisect/shared/ids';
import { ancestorsOf } from '../search/ancestry.js';
import type { CommitGraph } from '../search/graph.js';
import type { FactOf } from './facts.js';

/** A verdict that is one. */
type Given = Exclude<Verdict, Verdict.VERDICT_UNSPECIFIED>;

/** A person's verdict on a commit. */
export interface Mark {
  readonly verdict: Given;
  readonly by: string;
}

/** The verdicts that people have given by hand: they stand, whatever tests show. */
export class Marks {
  readonly #marks = new Map<CommitId, Mark>();

  of(commit: CommitId): Mark | undefined {
    return this.#marks.get(commit);
  }

  get verdicts(): [CommitId, Given][] {
    return [...this.#marks].map(([commit, { verdict }]) => [commit, verdict]);
  }

  /** Of marks on one commit the last counts. */
  marked({ value: { commit, verdict, by } }: FactOf<'marked'>): void {
    if (verdict !== Verdict.VERDICT_UNSPECIFIED) this.#marks.set(commitId(commit), { verdict, by });
  }

  /** The commit's tests decide again. @returns whether it was marked */
  lift(commit: CommitId): boolean {
    return this.#marks.delete(commit);
  }

  /**
   * Why a commit cannot be marked so, or undefined: with what is known of the others, no commit could be the culprit.
   * @param verdicts those of tests that cannot err
   */
  contradiction(
    graph: CommitGraph,
    commit: CommitId,
    verdict: Verdict,
    verdicts: Iterable<readonly [CommitId, Verdict]>,
  ): string | undefined {
    const others = new Map([...verdicts, ...this.verdicts]);
    others.delete(commit);
    if (leavesCulprit(graph, [...others, [commit, verdict]])) return undefined;
    const what = `${shortId(commit)} cannot be ${wordOf(verdict)}`;
    const against = [...others].find((other) => !leavesCulprit(graph, [other, [commit, verdict]]));
    if (against === undefined) return `${what}: with the other verdicts no commit could be the culprit`;
    const [other, its] = against;
    const why = this.#marks.has(other) ? `is marked ${wordOf(its)}` : `was found ${wordOf(its)}`;
    return `${what} as ${shortId(other)} ${why}: no commit could be the culprit; mark that one first`;
  }
}

/** Whether, these verdicts being true, a commit of the range can be the culprit: new ones contain it, old ones do not. */
function leavesCulprit(graph: CommitGraph, verdicts: Iterable<readonly [CommitId, Verdict]>): boolean {
  const left = new Uint8Array(graph.size).fill(1);
  for (const [commit, verdict] of verdicts) {
    const index = graph.indexOf(commit);
    if (index === undefined || (verdict !== Verdict.VERDICT_OLD && verdict !== Verdict.VERDICT_NEW)) continue;
    const contains = ancestorsOf(graph, index);
    const isNew = verdict === Verdict.VERDICT_NEW ? 1 : 0;
    for (let culprit = 0; culprit < left.length; culprit++)
      if (contains[culprit] !== isNew) left[culprit] = 0;
  }
  return left.includes(1);
}

function wordOf(verdict: Verdict): string {
  return verdict.replace(/^VERDICT_/, '').toLowerCase();
}
