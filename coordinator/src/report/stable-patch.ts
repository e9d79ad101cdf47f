import type { Git } from '@kbisect/shared/git';
import type { CommitId } from '@kbisect/shared/ids';

const STABLE = 'Cc: stable@vger.kernel.org';

/**
 * A picked commit as a patch for a stable branch: `commit <sha> upstream.` before the upstream words, and a copy to stable
 * (Documentation/process/stable-kernel-rules.rst).
 */
export async function stablePatch(git: Git, picked: CommitId, upstream: CommitId): Promise<string> {
  const patch = await git.text(['format-patch', '--stdout', '-1', '--no-signature', picked, '--']);
  const end = patch.indexOf('\n\n');
  const diff = patch.indexOf('\n---\n', end);
  const words = patch
    .slice(end + 2, diff)
    .replace(`(cherry picked from commit ${upstream})`, '')
    .trim();
  const message = [`commit ${upstream} upstream.`, words, words.includes(STABLE) ? '' : STABLE];
  // Trailers stay together.
  const joined = /\n[A-Za-z-]+: [^\n]*$/.test(`\n${words}`) ? '\n' : '\n\n';
  const [first, ...rest] = message.filter(Boolean);
  const body = `${first!}\n\n${rest.join(joined)}`;
  return `${patch.slice(0, end)}\n\n${body}${patch.slice(diff)}`.trimEnd() + '\n';
}
