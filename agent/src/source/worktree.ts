import { mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { KbisectError } from '@kbisect/shared/errors';
import { shortId, type CommitId } from '@kbisect/shared/ids';
import { commandFailed, run } from '@kbisect/shared/process';
import { Git } from '@kbisect/shared/git';
import { INERT, type Mirror } from './mirror.js';

/**
 * A slot's checkout. It stays where it is from task to task with everything that was built in it, and git touches
 * only what differs, so that make rebuilds what changed and nothing else.
 */
export class Worktree {
  constructor(
    readonly mirror: Mirror,
    readonly directory: string,
  ) {}

  /**
   * Makes the tracked files those of the commit; untracked ones, the products of builds, stay.
   * @throws KbisectError `command-failed` when git cannot, `resource-exhausted` when the disk is full
   */
  async checkout(commit: CommitId, signal: AbortSignal): Promise<void> {
    if (!(await this.#isWhole())) await this.#create(signal);
    const first = await this.#reset(commit, signal);
    if (first.status === 0) return;
    if (/No space left/.test(first.stderr)) throw full(this.directory);
    // Whatever is wrong with this checkout, a new one is right.
    await this.#create(signal);
    const command = this.#command(commit, signal);
    const second = await run(command);
    if (/No space left/.test(second.stderr)) throw full(this.directory);
    if (second.status !== 0) throw commandFailed(command, second);
  }

  /** Tells git that files have other times than it gave them: it would write them anew at the next checkout. */
  async timesChanged(paths: readonly string[], signal: AbortSignal): Promise<void> {
    if (paths.length === 0) return;
    const input = paths.map((path) => `${path}\0`).join('');
    await new Git(this.directory).text([...INERT, 'update-index', '-z', '--stdin'], { input, signal });
  }

  /** Removes all that is not of the commit: what was built, and what a build left. */
  async clean(signal: AbortSignal): Promise<void> {
    await new Git(this.directory).text([...INERT, 'clean', '-xdff', '--quiet'], { signal });
  }

  /**
   * Puts another commit's change on top of what is checked out.
   * @throws FixupConflict when it does not apply
   */
  async cherryPick(commit: CommitId, signal: AbortSignal): Promise<void> {
    const git = new Git(this.directory);
    const person = ['-c', 'user.name=kbisect', '-c', 'user.email=kbisect@localhost'];
    const args = [...INERT, ...person, 'cherry-pick', '--allow-empty', '--keep-redundant-commits'];
    const parents = (await git.text(['rev-parse', `${commit}^@`])).split('\n');
    const mainline = parents.length > 1 ? ['--mainline', '1'] : [];
    const done = await run(git.command([...args, ...mainline, commit], { signal }));
    if (done.status === 0) return;
    const files = await git.text(['diff', '--name-only', '--diff-filter=U', '-z']);
    await run(git.command([...INERT, 'cherry-pick', '--quit']));
    await run(git.command([...INERT, 'reset', '--hard', '--quiet']));
    throw new FixupConflict(commit, files.split('\0').filter(Boolean), done.stderr);
  }

  async #reset(commit: CommitId, signal: AbortSignal) {
    const gitDirectory = (await new Git(this.directory).text(['rev-parse', '--absolute-git-dir'])).trim();
    // We are the only one here: a lock is left from a checkout that was killed.
    await rm(join(gitDirectory, 'index.lock'), { force: true });
    return run(this.#command(commit, signal));
  }

  #command(commit: CommitId, signal: AbortSignal) {
    // A whole tree is written by as many processes as there are processors; a few files are written by git itself.
    const args = [...INERT, '-c', 'checkout.workers=0', 'reset', '--hard', '--quiet', commit, '--'];
    return new Git(this.directory).command(args, { signal });
  }

  async #isWhole(): Promise<boolean> {
    const done = await run(new Git(this.directory).command(['rev-parse', '--show-toplevel']));
    return done.status === 0 && done.stdout.toString('utf8').trim() === this.directory;
  }

  async #create(signal: AbortSignal): Promise<void> {
    await rm(this.directory, { recursive: true, force: true });
    await mkdir(dirname(this.directory), { recursive: true });
    await this.mirror.worktrees.run(() => this.#add(signal));
  }

  async #add(signal: AbortSignal): Promise<void> {
    // A worktree that was removed without git stays registered, and perhaps locked.
    await run(this.mirror.git.command(['worktree', 'unlock', this.directory]));
    await this.mirror.git.text(['worktree', 'prune']);
    const args = ['worktree', 'add', '--quiet', '--force', '--detach', '--no-checkout'];
    // An orphan's name is not needed: any commit serves, as nothing is checked out yet.
    const any = await this.mirror.git.text(['for-each-ref', '--count=1', '--format=%(objectname)']);
    await this.mirror.git.text([...INERT, ...args, this.directory, any], { signal });
  }
}

/** A fix-up does not apply to a commit, which can then not be tested. */
export class FixupConflict extends KbisectError {
  constructor(fixup: CommitId, files: readonly string[], words: string) {
    const where = files.length > 0 ? `conflicts in ${files.join(', ')}` : words.trim().slice(-300);
    super('failed-precondition', `the fix-up ${shortId(fixup)} does not apply: ${where}`);
  }
}

function full(directory: string): KbisectError {
  return new KbisectError(
    'resource-exhausted',
    `the disk of ${directory} is full; free some space on this agent`,
  );
}
