import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { KbisectError } from '@kbisect/shared/errors';
import { Git, gitEnvironmentFor, type GitTls } from '@kbisect/shared/git';
import type { CommitId } from '@kbisect/shared/ids';
import { run } from '@kbisect/shared/process';
import { OneByOne } from './one-by-one.js';

/** Configuration under which nothing that a fetched repository brings is ever run. */
export const INERT = [
  ['core.hooksPath', '/dev/null'],
  ['core.fsmonitor', 'false'],
  // Setting access times back changes it on every file; git would read them all again.
  ['core.trustCtime', 'false'],
  ['core.attributesFile', '/dev/null'],
  ['submodule.recurse', 'false'],
  ['fetch.recurseSubmodules', 'false'],
  // The coordinator is there by HTTP alone.
  ['protocol.allow', 'never'],
  ['protocol.http.allow', 'always'],
  ['protocol.https.allow', 'always'],
  ['gc.auto', '0'],
  ['maintenance.auto', 'false'],
  // What is fetched stays the pack that it came in.
  ['fetch.unpackLimit', '1'],
].flatMap(([name, value]) => ['-c', `${name ?? ''}=${value ?? ''}`]);

/** The agent's bare copy of the coordinator's history. It has one owner, so a lock found at start is a dead one's. */
export class Mirror {
  readonly #fetches = new Map<string, Promise<void>>();
  readonly #fetching = new OneByOne();
  /** To be made one by one: git fails to list worktrees while another is half made. */
  readonly worktrees = new OneByOne();

  private constructor(
    readonly git: Git,
    private readonly tls: GitTls | undefined,
  ) {}

  /** @param tls how it fetches; none from a plain farm */
  static async open(directory: string, tls?: GitTls): Promise<Mirror> {
    const git = await Git.initBare(directory);
    for (const name of await readdir(directory)) {
      if (name.endsWith('.lock')) await rm(join(directory, name), { force: true });
    }
    await git.text(['worktree', 'prune']);
    return new Mirror(git, tls);
  }

  /**
   * Brings a commit with its history, unless it is here. Fetches go one after the other; those who ask for the
   * same commit at once share one.
   * @throws KbisectError `unavailable` when it cannot be fetched
   */
  async fetchCommit(url: string, commit: CommitId, signal: AbortSignal): Promise<void> {
    if (await this.git.hasCommit(commit)) return;
    let fetch = this.#fetches.get(commit);
    if (fetch === undefined) {
      fetch = this.#fetching
        .run(() => this.#fetch(url, commit, signal))
        .finally(() => this.#fetches.delete(commit));
      this.#fetches.set(commit, fetch);
    }
    await fetch;
  }

  async #fetch(url: string, commit: CommitId, signal: AbortSignal): Promise<void> {
    if (await this.git.hasCommit(commit)) return;
    // The ref keeps the commit, and tells the next fetch what need not be sent.
    const refspec = `${commit}:refs/kbisect/${commit}`;
    const args = [...INERT, 'fetch', '--quiet', '--no-tags', '--no-write-fetch-head', '--', url, refspec];
    const done = await run(this.git.command(args, { signal, env: gitEnvironmentFor(this.tls) }));
    if (done.status !== 0) {
      throw new KbisectError(
        'unavailable',
        `cannot fetch ${commit} from ${url}: ${done.stderr.trim().slice(-500)}`,
      );
    }
  }
}
