import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KbisectError } from '@kbisect/shared/errors';
import { gitEnvironmentFor, type Git } from '@kbisect/shared/git';
import { shortId, type CommitId } from '@kbisect/shared/ids';
import { commandFailed, run } from '@kbisect/shared/process';
import type { Login } from '../src/identity/login.js';
import { termsOf } from '../src/report/terms.js';
import type { Ends } from './ends.js';

/** Ends as commits of a repository. */
export interface ResolvedEnds {
  readonly olds: readonly CommitId[];
  readonly new: CommitId;
}

/**
 * Resolves the ends in a repository on this machine and checks what can be checked before anything is sent.
 * @throws KbisectError `invalid-argument` when a revision is unknown, or the ends are equal, unrelated or the
 *   wrong way round
 */
export async function resolveEnds(git: Git, ends: Ends): Promise<ResolvedEnds> {
  const refuse = (reason: string) => new KbisectError('invalid-argument', reason);
  if ((await git.text(['rev-parse', '--is-shallow-repository'])) === 'true') {
    throw refuse(`${git.directory} is a shallow clone; bring its history with 'git fetch --unshallow'`);
  }
  const terms = termsOf(ends.mode);
  const neu = await git.resolveCommit(ends.new);
  const newName = `--${terms.new} ${ends.new}`;
  const olds: CommitId[] = [];
  for (const revision of ends.olds) {
    const old = await git.resolveCommit(revision);
    const oldName = `--${terms.old} ${revision}`;
    if (old === neu) {
      throw refuse(
        `${oldName} and ${newName} are the same commit ${shortId(neu)}: there is nothing to search`,
      );
    }
    if (await git.isAncestor(neu, old)) {
      const instead =
        terms.new === 'bad' ? '; to find the commit that fixed it, use --broken and --fixed' : '';
      throw refuse(
        `${newName} is an ancestor of ${oldName}: the ends are the wrong way round; exchange them${instead}`,
      );
    }
    if ((await git.mergeBases(neu, [old])).length === 0) {
      throw refuse(`${oldName} and ${newName} are unrelated: they have no commit in common`);
    }
    if (!olds.includes(old)) olds.push(old);
  }
  return { olds, new: neu };
}

/**
 * Pushes the ends, and so the range between them, to the coordinator.
 * @param login as whom; none where the farm is plain
 * @param showProgress sees git's own progress; absent, git shows none
 */
export async function pushEnds(
  git: Git,
  gitUrl: string,
  ends: ResolvedEnds,
  signal: AbortSignal,
  login: Login | undefined,
  showProgress?: (text: string) => void,
): Promise<void> {
  const place = await mkdtemp(join(tmpdir(), 'kbisect-push-'));
  try {
    const authority = join(place, 'authority.pem');
    if (login) await writeFile(authority, login.authority);
    const tls = login && { authority, header: `Authorization: Bearer ${login.secret}` };
    await push(git, gitUrl, ends, { signal, env: gitEnvironmentFor(tls) }, showProgress);
  } finally {
    await rm(place, { recursive: true });
  }
}

async function push(
  git: Git,
  gitUrl: string,
  ends: ResolvedEnds,
  how: { readonly signal: AbortSignal; readonly env: NodeJS.ProcessEnv },
  showProgress?: (text: string) => void,
): Promise<void> {
  const refspecs = [...ends.olds, ends.new].map((commit) => `${commit}:refs/kbisect/ends/${commit}`);
  const command = git.command(
    [
      // None of the user's hooks; and a farm is on one's own network, not behind a proxy.
      ...['-c', 'core.hooksPath=/dev/null', '-c', 'http.proxy=', '-c', 'push.gpgSign=false'],
      ...['push', '--no-verify', '--no-follow-tags', '--recurse-submodules=no'],
      // Quiet but for the progress: where the commits go is no concern of the user's.
      '--quiet',
      ...(showProgress ? ['--progress'] : []),
      ...['--', gitUrl, ...refspecs],
    ],
    { ...how, ...(showProgress && { onOutput: (chunk: Buffer) => showProgress(chunk.toString('utf8')) }) },
  );
  for (let attempt = 1; ; attempt++) {
    const done = await run(command);
    if (done.status === 0) return;
    // Another client pushes the same end just now; the next attempt finds it there.
    const crossed = done.stderr.includes('cannot lock ref') && attempt < PUSH_ATTEMPTS;
    if (!crossed) throw commandFailed(command, done);
  }
}

const PUSH_ATTEMPTS = 5;
