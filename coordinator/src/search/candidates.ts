import { markAncestors, splitting } from './ancestry.js';
import type { CommitGraph, CommitIndex } from './graph.js';

/**
 * What verdicts that never err leave of a range: a commit is new exactly when the culprit is among its ancestors.
 * A verdict that would leave no candidate contradicts earlier ones; the earlier ones stand.
 */
export class Candidates {
  readonly flags: Uint8Array;
  count: number;
  readonly contradictions: CommitIndex[] = [];

  /** @param possible the commits that could be the culprit at first, a flag each */
  constructor(
    readonly graph: CommitGraph,
    possible: Uint8Array,
  ) {
    this.flags = possible;
    this.count = possible.reduce((sum, flag) => sum + flag, 0);
  }

  observe(commit: CommitIndex, reading: 'old' | 'new'): void {
    const ancestors = new Uint8Array(this.graph.size);
    markAncestors(this.graph, commit, ancestors);
    this.#keep((candidate) => (ancestors[candidate] === 1) === (reading === 'new'), commit);
  }

  /** Two commits give one verdict, whichever it is: the culprit is an ancestor of both or of neither. */
  equate(one: CommitIndex, other: CommitIndex): void {
    const ofOne = new Uint8Array(this.graph.size);
    const ofOther = new Uint8Array(this.graph.size);
    markAncestors(this.graph, one, ofOne);
    markAncestors(this.graph, other, ofOther);
    this.#keep((candidate) => ofOne[candidate] === ofOther[candidate], other);
  }

  /** Those of `tests` whose verdict would change nothing. */
  futile(tests: readonly CommitIndex[]): CommitIndex[] {
    const splits = splitting(this.graph, this.flags, this.count, tests);
    return tests.filter((_, place) => splits[place] === false);
  }

  list(): CommitIndex[] {
    const list: CommitIndex[] = [];
    this.flags.forEach((flag, commit) => {
      if (flag === 1) list.push(commit);
    });
    return list;
  }

  #keep(stays: (candidate: CommitIndex) => boolean, cause: CommitIndex): void {
    const left = this.flags.map((flag, candidate) => (flag === 1 && stays(candidate) ? 1 : 0));
    const count = left.reduce((sum, flag) => sum + flag, 0);
    if (count === 0) {
      this.contradictions.push(cause);
      return;
    }
    this.flags.set(left);
    this.count = count;
  }
}
