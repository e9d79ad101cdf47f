import { Git } from '@kbisect/shared/git';
import { seededRandom } from '@kbisect/coordinator/search/random';

/** Maintainers' trees that are open at a time, and how often a commit is a merge, as in Linux 2.6.38's history. */
const TREES = 60;
const MERGES = 0.064;

/**
 * Makes a bare repository of empty commits in the shape of the kernel's history: trees of unlike busyness fork from
 * the mainline, grow, and are merged into it or into each other. The tags `old` and `new` have about `range` commits
 * between them.
 */
export async function makeKernelShape(directory: string, commits: number, range: number): Promise<Git> {
  const git = await Git.initBare(directory);
  await git.text(['fast-import', '--quiet', '--done'], { input: stream(commits, range) });
  return git;
}

function stream(commits: number, range: number): string {
  const random = seededRandom(1);
  const trees = new Array<number>(TREES).fill(1); // the mark of each tree's tip; the first is the mainline
  const lines: string[] = [];
  const commit = (mark: number, parents: readonly number[]) => {
    const [first, ...others] = parents;
    lines.push(
      'commit refs/heads/main',
      `mark :${mark}`,
      `committer a <a@b> ${1_100_000_000 + 60 * mark} +0000`,
    );
    lines.push('data 0', ...(first === undefined ? [] : [`from :${first}`]));
    lines.push(...others.map((other) => `merge :${other}`), '');
  };
  commit(1, []);
  for (let mark = 2; mark <= commits; mark++) {
    const busy = Math.floor(TREES * random() ** 2);
    if (random() < MERGES) {
      const into = random() < 0.8 ? 0 : Math.floor(TREES * random());
      const parents = [...new Set([trees[into]!, trees[busy]!])];
      commit(mark, parents);
      trees[into] = trees[busy] = mark;
    } else {
      commit(mark, [trees[busy]!]);
      trees[busy] = mark;
    }
    if (mark === commits - range)
      lines.push('tag old', `from :${trees[0]!}`, 'tagger a <a@b> 1 +0000', 'data 0', '');
  }
  commit(commits + 1, [...new Set(trees)]);
  lines.push('tag new', `from :${commits + 1}`, 'tagger a <a@b> 1 +0000', 'data 0', 'done', '');
  return lines.join('\n');
}
