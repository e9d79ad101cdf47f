import { KbisectError } from '@kbisect/shared/errors';
import type { Git } from '@kbisect/shared/git';
import type { CommitId } from '@kbisect/shared/ids';
import { commandFailed, run } from '@kbisect/shared/process';
import type { Range } from './scheduler/range.js';
import { RevListParser, type CommitGraph } from './search/graph.js';
import type { Suspects } from './search/priors.js';

/** Which commits are looked through. */
export interface RangeQuery {
  readonly olds: readonly CommitId[];
  readonly new: CommitId;
  readonly firstParent: boolean;
  readonly pathspecs: readonly string[];
}

/** Commits that touch a path are so many times likelier than others to have done it. */
export interface Suspicion {
  readonly path: string;
  readonly weight: number;
}

/**
 * Reads the commits of a range and where old and new parted.
 * @throws KbisectError `failed-precondition` when there is nothing to search: ends that are equal, unrelated, or the
 *   wrong way round, or no commit between them
 */
export async function readRange(
  git: Git,
  query: RangeQuery,
  suspicions: readonly Suspicion[] = [],
  signal?: AbortSignal,
): Promise<Range> {
  const { olds, new: neu } = query;
  const mergeBases: CommitId[] = [];
  for (const old of olds) {
    if (old === neu) throw nothing(`old and new are the same commit ${old}`);
    const bases = await git.mergeBases(neu, [old]);
    if (bases.length === 0) throw nothing(`old ${old} and new ${neu} have no history in common`);
    if (bases.includes(neu)) {
      throw nothing(`new ${neu} is an ancestor of old ${old}: the ends are the wrong way round`);
    }
    for (const base of bases) if (!olds.includes(base) && !mergeBases.includes(base)) mergeBases.push(base);
  }
  const graph = await readGraph(git, query, signal);
  return { graph, mergeBases, suspects: await readSuspects(git, query, graph, suspicions, signal) };
}

/**
 * Reads the commits of a range while git walks it.
 * @throws KbisectError `failed-precondition` when no commit lies between the ends
 */
export async function readGraph(git: Git, query: RangeQuery, signal?: AbortSignal): Promise<CommitGraph> {
  const parser = new RevListParser({ firstParent: query.firstParent });
  const args = ['rev-list', '--topo-order', '--parents', ...(query.firstParent ? ['--first-parent'] : [])];
  args.push(query.new, '--not', ...query.olds, '--', ...query.pathspecs);
  let unreadable: KbisectError | undefined;
  const onOutput = (chunk: Buffer, stream: 'stdout' | 'stderr') => {
    if (stream === 'stderr' || unreadable) return;
    try {
      parser.push(chunk);
    } catch (error) {
      if (!(error instanceof KbisectError)) throw error;
      unreadable = error;
    }
  };
  const command = git.command(args, { ...(signal && { signal }), onOutput });
  const done = await run(command);
  if (done.status !== 0) throw commandFailed(command, done);
  if (unreadable) throw unreadable;
  const graph = parser.end();
  if (graph.size === 0) throw nothing('no commit between old and new touches the given paths');
  return graph;
}

/** The commits of a range that touch suspected paths, of each path for itself. */
export async function readSuspects(
  git: Git,
  query: RangeQuery,
  graph: CommitGraph,
  suspicions: readonly Suspicion[],
  signal?: AbortSignal,
): Promise<Suspects[]> {
  const suspects: Suspects[] = [];
  for (const { path, weight } of suspicions) {
    const history = query.firstParent ? '--first-parent' : '--full-history';
    const args = ['rev-list', history, query.new, '--not', ...query.olds, '--', path];
    const listed = await git.text(args, { ...(signal && { signal }) });
    const commits = listed.split('\n').flatMap((commit) => graph.indexOf(commit as CommitId) ?? []);
    suspects.push({ commits, weight });
  }
  return suspects;
}

function nothing(reason: string): KbisectError {
  return new KbisectError('failed-precondition', reason);
}
