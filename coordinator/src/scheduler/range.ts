import type { CommitId } from '@kbisect/shared/ids';
import type { CommitGraph } from '../search/graph.js';
import type { Suspects } from '../search/priors.js';

/** The commits between the two ends, as git gives them. */
export interface Range {
  readonly graph: CommitGraph;
  /** Where the history of old and of new parted, when old is not an ancestor of new. */
  readonly mergeBases: readonly CommitId[];
  /** Commits that are likelier than others to have done it. */
  readonly suspects: readonly Suspects[];
}

/** Commits outside of a range whose images matter to it too; the last is an old end. */
export function outsideOf(olds: readonly CommitId[], mergeBases: readonly CommitId[]): CommitId[] {
  return [...new Set([...olds, ...mergeBases])].reverse();
}
