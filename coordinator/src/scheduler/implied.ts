import { ancestorsOf, descendantsOf } from '../search/ancestry.js';
import type { CommitGraph, CommitIndex } from '../search/graph.js';
import type { Reading } from '../search/search.js';

/** A verdict that follows from a conclusion. */
export interface Implied {
  readonly commit: CommitIndex;
  readonly reading: 'old' | 'new';
}

/**
 * The verdicts that, besides those known, take `git bisect replay` to a conclusion: git knows neither of equal images
 * nor of trials that err, and asks for tests whose outcome follows from others. Verdicts that contradict the
 * conclusion come out the other way.
 * @param candidates what the culprit could be, which no testable commit tells apart; one when it was found
 * @param verdicts of commits of the range, in the order of the log
 */
export function impliedVerdicts(
  graph: CommitGraph,
  candidates: readonly CommitIndex[],
  verdicts: ReadonlyMap<CommitIndex, Reading>,
): Implied[] {
  const isNew = descendantsOf(graph, candidates);
  const implied = new Map<CommitIndex, 'old' | 'new'>();
  for (const [commit, reading] of verdicts) {
    const right = isNew[commit] === 1 ? 'new' : 'old';
    if (reading !== 'skip' && reading !== right) implied.set(commit, right);
  }
  // What is left to git lies below the lowest commit that is new.
  const tip = graph.size - 1;
  const lowest = isNew.findIndex(
    (flag, commit) => flag === 1 && (candidates.length === 1 || verdicts.get(commit) !== 'skip'),
  );
  const top = lowest < 0 ? tip : lowest;
  // Of the commits that are new git goes on from the last that it was told; a culprit's log ends with it anyway.
  const last = [...verdicts].findLast(([, reading]) => reading === 'new')?.[0] ?? tip;
  if (candidates.length > 1 && top !== last) implied.set(top, 'new');
  const below = ancestorsOf(graph, top);
  const old = new Uint8Array(graph.size);
  for (let commit = tip; commit >= 0; commit--) {
    if ((implied.get(commit) ?? verdicts.get(commit)) === 'old') old[commit] = 1;
    if (old[commit] === 0 && below[commit] === 1 && isNew[commit] === 0) {
      implied.set(commit, 'old');
      old[commit] = 1;
    }
    if (old[commit] === 1) for (const parent of graph.parents(commit)) old[parent] = 1;
  }
  return [...implied].map(([commit, reading]) => ({ commit, reading }));
}
