import type { Git } from '@kbisect/shared/git';
import type { CommitId } from '@kbisect/shared/ids';
import { KbisectError } from '@kbisect/shared/errors';
import { commandFailed, run } from '@kbisect/shared/process';
import { RevListParser, type CommitGraph } from '../search/graph.js';

/** Which commits are looked through. */
export interface RangeQuery {
  readonly olds: readonly CommitId[];
  readonly new: CommitId;
  readonly firstParent: boolean;
  readonly pathspecs: readonly string[];
}

/**
 * Reads a range from a repository while git walks it.
 * @throws KbisectError `failed-precondition` when no commit lies between the ends.
 */
export async function readGraph(git: Git, query: RangeQuery): Promise<CommitGraph> {
  const parser = new RevListParser({ firstParent: query.firstParent });
  const args = ['rev-list', '--topo-order', '--parents', ...(query.firstParent ? ['--first-parent'] : [])];
  args.push(query.new, '--not', ...query.olds, '--', ...query.pathspecs);
  const command = git.command(args, { onOutput: (chunk) => parser.push(chunk) });
  const done = await run(command);
  if (done.status !== 0) throw commandFailed(command, done);
  const graph = parser.end();
  if (graph.size === 0) {
    throw new KbisectError(
      'failed-precondition',
      'no commit lies between old and new: are they the right way round, and do the pathspecs match?',
    );
  }
  return graph;
}

/** The commits of a range that touch a path. */
export async function commitsTouching(git: Git, query: RangeQuery, path: string): Promise<CommitId[]> {
  const args = ['rev-list', '--full-history', query.new, '--not', ...query.olds, '--', path];
  return (await git.text(args)).split('\n').filter(Boolean) as CommitId[];
}
