import { Git } from '@kbisect/shared/git';
import { commitId, type CommitId } from '@kbisect/shared/ids';

/** Makes a repository of so many commits in a row with nothing in them, and gives them, oldest first. */
export async function makeStraightRepository(directory: string, size: number): Promise<CommitId[]> {
  const git = await Git.initBare(directory);
  const commits = Array.from(
    { length: size },
    (_, n) =>
      `commit refs/heads/main\ncommitter k <k@example.org> ${n} +0000\ndata ${`c${n}`.length}\nc${n}\n`,
  );
  await git.text(['fast-import', '--quiet', '--done'], { input: `${commits.join('\n')}\ndone\n` });
  const list = await git.text(['rev-list', '--reverse', 'main']);
  return list.trim().split('\n').map(commitId);
}
