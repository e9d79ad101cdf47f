import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { KbisectError } from '@kbisect/shared/errors';
import type { JobSpec } from '@kbisect/shared/gen/kbisect/v1/job';
import { Git } from '@kbisect/shared/git';
import { commitId, type CommitId } from '@kbisect/shared/ids';
import { run } from '@kbisect/shared/process';
import { readRange, readSuspects, type RangeQuery } from './git-range.js';
import type { Range } from './scheduler/range.js';
import type { CommitGraph } from './search/graph.js';
import { filesInCrash, type Suspects } from './search/priors.js';

/** The coordinator's one bare repository: what clients push, agents fetch, and ranges are read from. */
export class Repository {
  /** Those that were read last: of many reports of one release each has the same range. */
  readonly #ranges = new LRUCache<string, Promise<Range>>({ max: MAX_RANGES });

  private constructor(readonly git: Git) {}

  static async open(directory: string): Promise<Repository> {
    const git = await Git.initBare(directory);
    const settings = {
      'http.receivepack': 'true',
      'uploadpack.allowAnySHA1InWant': 'true',
      'receive.denyDeletes': 'true',
      'receive.denyNonFastForwards': 'true',
      // A push brings whole kernel histories: kept as the pack that it came in.
      'receive.unpackLimit': '1',
      'fetch.unpackLimit': '1',
      'receive.autogc': 'false',
      'gc.auto': '0',
      'core.hooksPath': '/dev/null',
      // Packs are sent as they are stored: agents wait for the transfer, not for a better compression.
      'pack.window': '0',
      'core.compression': '1',
    };
    for (const [name, value] of Object.entries(settings)) await git.text(['config', name, value]);
    return new Repository(git);
  }

  /**
   * Mirrors all branches and tags of a repository elsewhere and resolves revisions in it.
   * @throws KbisectError `invalid-argument` when it cannot be fetched or has no such revision
   */
  async mirror(url: string, revisions: readonly string[], signal: AbortSignal): Promise<CommitId[]> {
    const space = `refs/mirrors/${createHash('sha256').update(url).digest('hex').slice(0, 16)}`;
    const refspecs = [`+refs/heads/*:${space}/heads/*`, `+refs/tags/*:${space}/tags/*`];
    const args = ['-c', 'protocol.allow=never', ...PROTOCOLS, 'fetch', '--quiet', '--no-tags', '--prune'];
    const done = await run(this.git.command([...args, '--', url, ...refspecs], { signal }));
    if (done.status !== 0) {
      throw new KbisectError('invalid-argument', `cannot fetch ${url}: ${done.stderr.trim().slice(-500)}`);
    }
    const resolved: CommitId[] = [];
    for (const revision of revisions) resolved.push(await this.#resolve(space, revision));
    return resolved;
  }

  /**
   * Reads a job's range.
   * @throws KbisectError `failed-precondition` when there is nothing to search: ends that are equal, unrelated,
   *   or the wrong way round
   */
  async readRange(spec: JobSpec, signal: AbortSignal): Promise<Range> {
    const olds = spec.olds.map(commitId);
    const neu = commitId(spec.new);
    const { firstParent, pathspecs, suspects } = spec;
    const query = { olds, new: neu, firstParent, pathspecs };
    const key = JSON.stringify([query, suspects]);
    let range = this.#ranges.get(key);
    if (range === undefined) {
      range = this.#read(query, suspects, signal);
      this.#ranges.set(key, range);
      range.catch(() => this.#ranges.delete(key));
    }
    return range;
  }

  async #read(query: RangeQuery, suspects: JobSpec['suspects'], signal: AbortSignal): Promise<Range> {
    for (const end of new Set([query.new, ...query.olds])) {
      if (!(await this.git.hasCommit(end))) {
        throw new KbisectError('not-found', `commit ${end} was not pushed to the coordinator`);
      }
    }
    return readRange(this.git, query, suspects, signal);
  }

  /** The commits of a range that touch the files which a crash names. */
  async suspectsIn(
    console: string,
    spec: JobSpec,
    graph: CommitGraph,
    signal: AbortSignal,
  ): Promise<Suspects[]> {
    const { firstParent, pathspecs } = spec;
    const query = { olds: spec.olds.map(commitId), new: commitId(spec.new), firstParent, pathspecs };
    const suspicions = filesInCrash(console)
      .slice(0, MAX_CRASH_FILES)
      .map((path) => ({ path, weight: CRASH_WEIGHT }));
    return readSuspects(this.git, query, graph, suspicions, signal);
  }

  async #resolve(space: string, revision: string): Promise<CommitId> {
    for (const name of [`${space}/tags/${revision}`, `${space}/heads/${revision}`, revision]) {
      try {
        return await this.git.resolveCommit(name);
      } catch (error) {
        if (!(error instanceof KbisectError) || name === revision) throw error;
      }
    }
    throw new KbisectError('invalid-argument', `unknown revision ${JSON.stringify(revision)}`);
  }
}

const MAX_RANGES = 8;

/** How much likelier commits are that touch a file which the crash names; and of so many files at most. */
const CRASH_WEIGHT = 10;
const MAX_CRASH_FILES = 20;

/** Transports that reach other machines; no local files, no commands. */
const PROTOCOLS = ['http', 'https', 'git', 'ssh'].flatMap((name) => ['-c', `protocol.${name}.allow=always`]);
