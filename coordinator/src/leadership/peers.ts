import { setTimeout as delay } from 'node:timers/promises';
import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import { Kvm, type KV } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/nats-core';
import { z } from 'zod';
import { KbisectError, messageOf } from '@kbisect/shared/errors';
import { gitEnvironmentFor, type Git, type GitTls } from '@kbisect/shared/git';
import type { CommitId } from '@kbisect/shared/ids';
import type { Logger } from '@kbisect/shared/log';
import { run } from '@kbisect/shared/process';
import { ANSWER_MS, asked } from '../nats.js';
import type { Candidate } from './jetstream-leadership.js';

const BUCKET = 'kbisect-coordinators';
/** One that has not said so for so long is there no more. */
const PRESENT_MS = 30_000;
const SAY_MS = 10_000;
/** How often one that does not lead fetches what the leader has. */
const FOLLOW_MS = 60_000;
const RETRY_MS = 5000;

const known = z.object({ address: z.string(), gitUrl: z.string() });
type Peer = z.infer<typeof known>;

/**
 * The coordinators of a farm and their repositories: what one was given for its jobs the others have too, so that any of them
 * can go on with the jobs.
 */
export class Peers {
  private constructor(
    private readonly bucket: KV,
    private readonly manager: JetStreamManager,
    private readonly me: Candidate & { readonly gitUrl: string },
    private readonly git: Git,
    private readonly tls: GitTls | undefined,
    private readonly log: Logger,
  ) {}

  /**
   * @param connection stays the caller's
   * @param tls how the others' repositories are reached; undefined where they are plain
   */
  static async open(
    connection: NatsConnection,
    replicas: number,
    me: Candidate & { readonly gitUrl: string },
    git: Git,
    tls: GitTls | undefined,
    log: Logger,
  ): Promise<Peers> {
    const bucket = await new Kvm(connection).create(BUCKET, { replicas, ttl: PRESENT_MS });
    const manager = await jetstreamManager(connection, { timeout: ANSWER_MS });
    return new Peers(bucket, manager, me, git, tls, log);
  }

  /** Says that it is there, and fetches what the leader has while that is another one, until the signal is aborted. */
  async keepUp(leader: () => string | undefined, signal: AbortSignal): Promise<void> {
    const { id, address, gitUrl } = this.me;
    for (let due = 0; !signal.aborted;) {
      try {
        await this.bucket.put(id, JSON.stringify({ address, gitUrl }));
        if (performance.now() >= due) {
          due = performance.now() + FOLLOW_MS;
          const leads = (await this.#others()).find((other) => other.address === leader());
          if (leads) await this.#git(leads, ['fetch', '--no-tags'], REFS, signal);
        }
      } catch (error) {
        this.log.warn({ reason: messageOf(error) }, 'the other coordinators cannot be kept up with');
      }
      await delay(SAY_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  /**
   * Gives commits, with their histories, to all other coordinators that are there; one that does not take them is logged, and
   * fetches them when it comes to need them.
   * @throws KbisectError `not-found` when one is not here either
   */
  async share(commits: readonly CommitId[], signal: AbortSignal): Promise<void> {
    const [missing] = await this.#missing(commits);
    if (missing !== undefined) {
      throw new KbisectError('not-found', `commit ${missing} was not pushed to the coordinator`);
    }
    await Promise.all(
      (await this.#others()).map(async (other) => {
        const done = await this.#git(other, ['push'], refspecsOf(commits), signal);
        if (!done) this.log.warn({ address: other.address }, 'a coordinator does not take commits');
      }),
    );
  }

  /** Brings commits that are not here from the other coordinators, for as long as it takes until one has them. */
  async bring(commits: readonly CommitId[], signal: AbortSignal): Promise<void> {
    for (;;) {
      const missing = await this.#missing(commits);
      if (missing.length === 0) return;
      this.log.info({ missing }, 'asking the other coordinators for commits');
      try {
        const others = await this.#others();
        for (const commit of missing) await this.#bringOne(commit, others, signal);
        continue;
      } catch (error) {
        this.log.error({ reason: messageOf(error) }, 'commits cannot be brought; trying again');
      }
      await delay(RETRY_MS, undefined, { signal });
    }
  }

  async #bringOne(commit: CommitId, others: readonly Peer[], signal: AbortSignal): Promise<void> {
    for (const other of others) {
      if (await this.#git(other, ['fetch', '--no-tags'], refspecsOf([commit]), signal)) return;
    }
    throw new KbisectError('not-found', `no coordinator that is there has commit ${commit}`);
  }

  async #missing(commits: readonly CommitId[]): Promise<CommitId[]> {
    const missing: CommitId[] = [];
    for (const commit of commits) if (!(await this.git.hasCommit(commit))) missing.push(commit);
    return missing;
  }

  async #git(
    { gitUrl }: Peer,
    command: readonly string[],
    refspecs: readonly string[],
    signal: AbortSignal,
  ): Promise<boolean> {
    const [verb = '', ...options] = command;
    // Where the farm is guarded nothing goes to one that is not, whatever it says of itself.
    const { protocol } = new URL(this.me.gitUrl);
    const only = [
      'protocol.allow=never',
      `protocol.${protocol.replace(':', '')}.allow=always`,
      'http.proxy=',
    ];
    const settings = only.flatMap((setting) => ['-c', setting]);
    const args = [...settings, verb, '--quiet', ...options, '--', gitUrl, ...refspecs];
    const done = await run(this.git.command(args, { signal, env: gitEnvironmentFor(this.tls) }));
    if (done.status !== 0) this.log.debug({ gitUrl, stderr: done.stderr.slice(-500) }, `git ${verb} failed`);
    return done.status === 0;
  }

  #others(): Promise<Peer[]> {
    return asked(() => this.#present());
  }

  /** Asked of the stream itself: what lists keys begins with a consumer, which servers may place on a node that is gone. */
  async #present(): Promise<Peer[]> {
    const others: Peer[] = [];
    const { state } = await this.manager.streams.info(`KV_${BUCKET}`, { subjects_filter: '>' });
    for (const subject of Object.keys(state.subjects ?? {})) {
      const id = subject.slice(`$KV.${BUCKET}.`.length);
      const entry = id === this.me.id ? null : await this.bucket.get(id);
      if (entry?.operation === 'PUT') others.push(known.parse(entry.json()));
    }
    return others;
  }
}

function refspecsOf(commits: readonly CommitId[]): string[] {
  return commits.map((commit) => `${commit}:refs/kbisect/ends/${commit}`);
}

/** All that coordinators keep for jobs. */
const REFS = ['kbisect', 'mirrors', 'heads'].map((space) => `+refs/${space}/*:refs/${space}/*`);
