import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Git } from '@kbisect/shared/git';
import { commitId, type CommitId } from '@kbisect/shared/ids';
import { seededRandom } from '../../coordinator/src/search/random.js';

/** The files that commits touch; a pathspec may name one. */
export const PATHS = ['drivers/a.c', 'fs/b.c'] as const;

interface RandomCommit {
  /** Places of older commits. */
  readonly parents: readonly number[];
  readonly touches: readonly string[];
}

/** A history drawn from a seed, with the bisection that is to be made in it. */
export interface RandomHistory {
  readonly git: Git;
  /** Oldest first. */
  readonly ids: readonly CommitId[];
  readonly olds: readonly CommitId[];
  readonly new: CommitId;
  readonly firstParent: boolean;
  readonly pathspecs: readonly string[];
  readonly culprit: CommitId;
  /** What a test of the commit says: whether the culprit is among its ancestors, or nothing. */
  verdict(commit: CommitId): 'old' | 'new' | 'skip';
  /** Whether a commit has another one among its ancestors, itself included. */
  contains(commit: CommitId, ancestor: CommitId): boolean;
}

/** What a history may be like. */
export interface Shape {
  readonly commits: number;
  /** The share of commits that cannot be tested, in runs; default none. */
  readonly skips?: number;
  readonly firstParent?: boolean;
  readonly pathspec?: boolean;
  readonly severalOlds?: boolean;
}

type Draw = (below: number) => number;

/** Makes the repository with one `git fast-import`. */
export async function makeRandomHistory(
  directory: string,
  shape: Shape,
  seed: number,
): Promise<RandomHistory> {
  const random = seededRandom(seed);
  const draw: Draw = (below) => Math.floor(random() * below);
  const commits = drawCommits(shape.commits, draw);
  const ancestors: Set<number>[] = [];
  for (const [place, { parents }] of commits.entries()) {
    ancestors.push(new Set([place, ...parents.flatMap((parent) => [...ancestors[parent]!])]));
  }
  const git = await Git.initBare(directory);
  const marks = join(directory, 'marks');
  await git.text(['fast-import', '--quiet', `--export-marks=${marks}`], {
    input: streamOf(commits, ancestors),
  });
  await writeFile(join(directory, 'HEAD'), 'ref: refs/heads/main\n');
  const ids: CommitId[] = [];
  for (const line of (await readFile(marks, 'utf8')).trim().split('\n')) {
    const [mark, id] = line.split(' ');
    ids[Number(mark!.slice(1)) - 1] = commitId(id!);
  }

  const tip = commits.length - 1;
  const pathspecs = shape.pathspec ? [PATHS[draw(PATHS.length)]!] : [];
  // The culprit is in the range: it is an ancestor of new, not of an old, and it is what git would list.
  const args = ['rev-list', ...(shape.firstParent ? ['--first-parent'] : []), ids[tip]!, `^${ids[0]!}`];
  const listed = (await git.text([...args, '--', ...pathspecs])).split('\n').filter(Boolean);
  const places = listed.map((id) => ids.indexOf(id as CommitId));
  const culprit = places.length === 0 ? tip : places[draw(places.length)]!;
  const sound = [...commits.keys()].filter((place) => place !== tip && !ancestors[place]!.has(culprit));
  const olds = new Set([0]);
  for (let more = shape.severalOlds ? 1 + draw(3) : 0; more > 0; more--) olds.add(sound[draw(sound.length)]!);

  const untestable = drawUntestable(commits, shape.skips ?? 0, draw);
  for (const end of [tip, ...olds]) untestable.delete(end);
  const place = new Map(ids.map((id, at) => [id, at]));
  const contains = (commit: CommitId, ancestor: CommitId) =>
    ancestors[place.get(commit)!]!.has(place.get(ancestor)!);
  return {
    git,
    ids,
    olds: [...olds].map((at) => ids[at]!),
    new: ids[tip]!,
    firstParent: shape.firstParent === true,
    pathspecs,
    culprit: ids[culprit]!,
    verdict: (commit) =>
      untestable.has(place.get(commit)!) ? 'skip' : contains(commit, ids[culprit]!) ? 'new' : 'old',
    contains,
  };
}

/** Branches that fork off anywhere recent and are merged, some of them never; the first commit is everyone's root. */
function drawCommits(size: number, draw: Draw): RandomCommit[] {
  const commits: RandomCommit[] = [{ parents: [], touches: [...PATHS] }];
  const touches = () => PATHS.filter(() => draw(2) === 0);
  const heads = new Set([0]);
  const recent = (within: number) => Math.max(0, commits.length - 1 - draw(within));
  while (commits.length < size - 1) {
    const merges = heads.size > 1 && draw(4) === 0;
    const parents = new Set<number>(merges ? [...heads].slice(0, 2 + draw(2)) : []);
    if (merges && draw(2) === 0) parents.add(recent(6));
    if (parents.size < 2) parents.add(draw(3) === 0 ? recent(8) : commits.length - 1);
    for (const parent of parents) heads.delete(parent);
    heads.add(commits.length);
    // Most merges change nothing of their own.
    commits.push({ parents: [...parents], touches: parents.size > 1 && draw(4) > 0 ? [] : touches() });
  }
  const parents = [...heads].filter(() => draw(4) > 0);
  commits.push({ parents: parents.length > 0 ? parents : [commits.length - 1], touches: touches() });
  return commits;
}

/** A commit is as untestable as its first parent, mostly. */
function drawUntestable(commits: readonly RandomCommit[], share: number, draw: Draw): Set<number> {
  const untestable = new Set<number>();
  for (const [place, { parents }] of commits.entries()) {
    const like = untestable.has(parents[0] ?? -1) ? 0.6 : share / 2;
    if (draw(1000) < 1000 * like && share > 0) untestable.add(place);
  }
  return untestable;
}

/** Files list who has touched them, so that a merge differs from a parent exactly when it has more of them. */
function streamOf(commits: readonly RandomCommit[], ancestors: readonly Set<number>[]): string {
  const data = (text: string) => `data ${Buffer.byteLength(text)}\n${text}\n`;
  const lines = commits.map(({ parents }, place) => {
    const when = 1_700_000_000 + 60 * Math.floor(place / 2); // some at the same time
    const files = PATHS.map((path) => {
      const authors = [...ancestors[place]!].filter((one) => commits[one]!.touches.includes(path));
      return `M 100644 inline ${path}\n${data(authors.sort((a, b) => a - b).join('\n'))}`;
    });
    const links = parents.map((parent, at) => `${at === 0 ? 'from' : 'merge'} :${parent + 1}\n`);
    return [
      `commit refs/heads/${place === commits.length - 1 ? 'main' : `side${place}`}\nmark :${place + 1}\n`,
      `committer Random <random@example.org> ${when} +0000\n${data(`commit ${place}`)}`,
      ...links,
      ...files,
    ].join('');
  });
  return `${lines.join('')}done\n`;
}
