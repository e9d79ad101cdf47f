import { setImmediate as turn } from 'node:timers/promises';
import { open, type RootDatabase } from 'lmdb';
import { KbisectError, systemCode } from '@kbisect/shared/errors';
import type { JobEvent } from '@kbisect/shared/gen/kbisect/v1/job';
import { jobId, type JobId } from '@kbisect/shared/ids';
import type { Journal, StreamEnd } from './journal.js';
import { LiveEvents } from './live-events.js';
import { decodeEvent, encodeEvent } from './stored-events.js';

type Key = [job: JobId, position: number];

/** The journal in an LMDB file on this machine's disk. */
export class EmbeddedJournal implements Journal {
  readonly #db: RootDatabase<Buffer, Key>;
  readonly #live = new LiveEvents();

  /** @param path the LMDB file, made when it is not there */
  constructor(path: string) {
    // Without overlapping sync a transaction resolves only when it is on the disk.
    this.#db = open<Buffer, Key>({ path, encoding: 'binary', overlappingSync: false, compression: false });
  }

  async append(job: JobId, expectedVersion: number, events: readonly JobEvent[]): Promise<void> {
    const encoded = events.map(encodeEvent);
    try {
      await this.#db.transaction(() => {
        const version = this.#version(job);
        if (version !== expectedVersion) {
          throw new KbisectError(
            'failed-precondition',
            `journal of job ${job} has ${version} events, not ${expectedVersion}: somebody else writes to it`,
          );
        }
        encoded.forEach((bytes, n) => void this.#db.put([job, version + n], bytes));
      });
    } catch (error) {
      if (systemCode(error) !== 'ENOSPC' && !/no space left|MAP_FULL/i.test(String(error))) throw error;
      throw new KbisectError(
        'resource-exhausted',
        'the disk that holds the journal is full; free some space',
        {
          cause: error,
        },
      );
    }
    this.#live.appended(job, expectedVersion, events);
  }

  read(job: JobId, from = 0): Promise<JobEvent[]> {
    return new Promise((resolve) => resolve(this.#read(job, from)));
  }

  subscribe(job: JobId, signal: AbortSignal): AsyncIterable<readonly JobEvent[]> {
    return this.#live.follow(job, (from) => this.read(job, from), signal);
  }

  async *readAll(jobs?: ReadonlySet<JobId>): AsyncIterable<readonly [JobId, JobEvent[]]> {
    for await (const job of this.#jobs()) if (jobs?.has(job) !== false) yield [job, this.#read(job, 0)];
  }

  async *ends(): AsyncIterable<StreamEnd> {
    for await (const job of this.#jobs()) {
      for (const { key, value } of this.#db.getRange(lastOf(job)))
        yield { job, version: key[1] + 1, last: decodeEvent(job, value) };
    }
  }

  /** A file has one owner: there is nobody else. */
  fence(): Promise<void> {
    return Promise.resolve();
  }

  async close(): Promise<void> {
    await this.#db.close();
  }

  #read(job: JobId, from: number): JobEvent[] {
    return [...this.#db.getRange({ start: [job, from], end: [job, Infinity] })].map(({ value }) =>
      decodeEvent(job, value),
    );
  }

  /** All jobs that have a stream; a long journal is no reason to answer nobody meanwhile. */
  async *#jobs(): AsyncGenerator<JobId> {
    for (let job = this.#next(); job !== undefined; job = this.#next(job)) {
      yield job;
      await turn();
    }
  }

  /** The job after another, or the first. */
  #next(job?: JobId): JobId | undefined {
    const beyond = job === undefined ? {} : { start: [job, Infinity] satisfies Key };
    for (const [next] of this.#db.getKeys({ ...beyond, limit: 1 })) return jobId(next);
    return undefined;
  }

  #version(job: JobId): number {
    for (const key of this.#db.getKeys(lastOf(job))) return key[1] + 1;
    return 0;
  }
}

/** The range that has the last event of a job. */
function lastOf(job: JobId) {
  const [start, end]: [Key, Key] = [
    [job, Infinity],
    [job, -1],
  ];
  return { start, end, reverse: true, limit: 1 };
}
