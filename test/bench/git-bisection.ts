import { commitId, type CommitId } from '@kbisect/shared/ids';
import type { Git } from '@kbisect/shared/git';
import type { RangeQuery } from '@kbisect/coordinator/git-range';
import { ancestorsOf } from '@kbisect/coordinator/search/ancestry';
import type { CommitGraph, CommitIndex } from '@kbisect/coordinator/search/graph';

/** git's own bisection, asked of git itself: what it tests next, remembered for verdicts that are met again. */
export class GitBisection {
  readonly #next = new Map<string, CommitId>();

  constructor(
    readonly git: Git,
    readonly query: RangeQuery,
    readonly graph: CommitGraph,
  ) {}

  /** How many commits `git bisect` finds new, and how many old, until it names the culprit. */
  async verdicts(culprit: CommitIndex): Promise<{ readonly new: number; readonly old: number }> {
    let bad = this.query.new;
    let news = 0;
    const goods = [...this.query.olds];
    for (;;) {
      const next = await this.#choose(bad, goods);
      if (next === bad) return { new: news, old: goods.length - this.query.olds.length };
      if (ancestorsOf(this.graph, this.graph.indexOf(next)!)[culprit] === 1) {
        bad = next;
        news++;
      } else {
        goods.push(next);
      }
    }
  }

  async #choose(bad: CommitId, goods: readonly CommitId[]): Promise<CommitId> {
    const key = [bad, ...[...goods].sort()].join(' ');
    let next = this.#next.get(key);
    if (next === undefined) {
      next = commitId(await this.git.text(['rev-list', '--bisect', bad, '--not', ...goods]));
      this.#next.set(key, next);
    }
    return next;
  }
}
