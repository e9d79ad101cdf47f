import type { Git } from '@kbisect/shared/git';
import { subject } from './job.js';

/** Ends of a short range around the patch: `distance` commits before it and as many behind. */
export async function aroundCulprit(git: Git, distance: number): Promise<{ good: string; bad: string }> {
  const log = await git.text(['log', '--format=%H %s', 'upstream..debian', '--']);
  const commits = log.split('\n');
  const place = commits.findIndex((line) => line.endsWith(` ${subject}`));
  const idAt = (at: number) => commits[at]!.slice(0, 40);
  return { good: idAt(place + distance), bad: idAt(place - distance) };
}
