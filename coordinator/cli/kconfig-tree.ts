import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gitEnvironment, type Git } from '@kbisect/shared/git';
import type { CommitId } from '@kbisect/shared/ids';
import { runText } from '@kbisect/shared/process';

/** What a kernel's own configuration reads and runs. */
const CONFIGURING = ['**/Kconfig*', '**/Makefile*', '**/Kbuild*', 'scripts/**', 'include/**', '*'];

/**
 * Does something with the files of a commit that its configuration needs, in a directory of its own that is gone
 * afterwards. The repository, its index and its worktree stay as they are.
 */
export async function withKconfigTree<T>(
  git: Git,
  commit: CommitId,
  use: (directory: string) => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  const place = await mkdtemp(join(tmpdir(), 'kbisect-config-'));
  try {
    const tree = join(place, 'tree');
    const gitDirectory = await git.text(['rev-parse', '--absolute-git-dir']);
    await runText({ program: 'mkdir', args: ['--', tree] });
    const asked = [...['-c', 'core.bare=false'], `--git-dir=${gitDirectory}`, `--work-tree=${tree}`];
    const env = { ...gitEnvironment(), GIT_INDEX_FILE: join(place, 'index') };
    const inTree = (args: readonly string[], input?: string) =>
      runText({ program: 'git', args: [...asked, ...args], cwd: tree, env, signal, ...(input && { input }) });
    await inTree(['read-tree', commit]);
    const files = await inTree([
      'ls-files',
      '-z',
      '--',
      ...CONFIGURING.map((pattern) => `:(top,glob)${pattern}`),
    ]);
    await inTree(['checkout-index', '--quiet', '-z', '--stdin'], files);
    return await use(tree);
  } finally {
    await rm(place, { recursive: true, force: true });
  }
}
