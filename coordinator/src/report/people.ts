import type { Git } from '@kbisect/shared/git';
import type { CommitId } from '@kbisect/shared/ids';
import { address, maintainersOf } from './maintainers.js';
import type { Person } from './report-document.js';

/** Trailers that name people who know the commit. */
const TRAILER =
  /^(Signed-off-by|Reviewed-by|Acked-by|Tested-by|Reported-by|Suggested-by|Co-developed-by|Cc):\s*(.+)$/i;
/** Where regressions of the kernel are tracked. */
const REGRESSIONS = 'regressions@lists.linux.dev';

/**
 * Whom to tell of a culprit: its author first, then who signed and reviewed it, then the maintainers of the files that it
 * touches, by the MAINTAINERS of its own tree.
 */
export async function peopleFor(git: Git, culprit: CommitId, isRegression: boolean): Promise<Person[]> {
  const show = (format: string) => git.text(['log', '-1', `--format=${format}`, culprit, '--']);
  const [name, email, body] = [await show('%an'), await show('%ae'), await show('%B')];
  const found: Person[] = [{ name, email, roles: ['author'] }];
  for (const line of body.split('\n')) {
    const [, role, value] = TRAILER.exec(line.trim()) ?? [];
    if (role === undefined || value === undefined) continue;
    const who = address(value);
    if (who.email !== '') found.push({ ...who, roles: [role] });
  }
  // Of a merge, what it brought to its first parent.
  const diff = ['diff-tree', '--no-commit-id', '--name-only', '-r', '-z', '--root', '-m', '--first-parent'];
  const files = (await git.text([...diff, culprit, '--'])).split('\0').filter(Boolean);
  const maintainers = await git.text(['show', `${culprit}:MAINTAINERS`]).catch(() => undefined);
  if (maintainers !== undefined) {
    found.push(...maintainersOf(maintainers, files));
    if (isRegression) found.push({ name: '', email: REGRESSIONS, roles: ['list (regressions)'] });
  }
  return merged(found);
}

function merged(found: readonly Person[]): Person[] {
  const people = new Map<string, Person>();
  for (const { name, email, roles } of found) {
    const key = email.toLowerCase();
    const known = people.get(key);
    people.set(key, {
      name: known?.name || name,
      email: known?.email ?? email,
      roles: [...new Set([...(known?.roles ?? []), ...roles])],
    });
  }
  return [...people.values()];
}
