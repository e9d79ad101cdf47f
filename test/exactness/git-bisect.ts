import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { commitId, type CommitId } from '@kbisect/shared/ids';
import { run } from '@kbisect/shared/process';
import type { RandomHistory } from './random-history.js';

/** What `git bisect` came to: the one commit that it names, or those that it could be. */
export type GitAnswer =
  | { readonly kind: 'found'; readonly culprit: CommitId }
  | { readonly kind: 'ambiguous'; readonly candidates: readonly CommitId[] };

/** Runs the real `git bisect run` on a history, nothing checked out: the script is to read BISECT_HEAD. */
export async function gitBisectRun(history: RandomHistory, script: string): Promise<GitAnswer> {
  const { git, olds, new: neu, firstParent, pathspecs } = history;
  const options = ['--no-checkout', ...(firstParent ? ['--first-parent'] : [])];
  await git.text(['bisect', 'start', ...options, neu, ...olds, '--', ...pathspecs]);
  const done = await run(git.command(['bisect', 'run', 'sh', script]));
  return answerOf(`${done.stdout.toString('utf8')}${done.stderr}`);
}

/** Lets `git bisect replay` read a log; gives where it has come to then. */
export async function gitBisectReplay(history: RandomHistory, log: string): Promise<GitAnswer> {
  const path = join(history.git.directory, 'replayed.log');
  await writeFile(path, log);
  const done = await run(history.git.command(['bisect', 'replay', path]));
  return answerOf(`${done.stdout.toString('utf8')}${done.stderr}`);
}

/**
 * Writes a shell script with the exit status that `git bisect run` reads as the commit's verdict, and gives its path.
 * @param readCommit shell words that set `commit` to the commit that is tested
 */
export async function writeVerdictScript(history: RandomHistory, readCommit: string): Promise<string> {
  const of = (wanted: 'new' | 'skip') =>
    history.ids.filter((id) => history.verdict(id) === wanted).join('|') || 'none';
  const path = join(history.git.directory, 'verdict.sh');
  const text = `${readCommit}\ncase $commit in ${of('new')}) exit 1;; ${of('skip')}) exit 125;; esac\n`;
  await writeFile(path, text);
  return path;
}

/** Reads what git says of how a bisection ended. */
function answerOf(said: string): GitAnswer {
  const culprit = /^([0-9a-f]{40}) is the first \S+ commit$/m.exec(said)?.[1];
  if (culprit !== undefined) return { kind: 'found', culprit: commitId(culprit) };
  const list = /The first \S+ commit could be any of:\n((?:[0-9a-f]{40}\n)+)/.exec(said)?.[1];
  if (list === undefined) throw new Error(`git bisect said: ${said}`);
  return { kind: 'ambiguous', candidates: list.trim().split('\n').map(commitId) };
}
