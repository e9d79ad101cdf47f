import { setImmediate as turn } from 'node:timers/promises';
import { open, type RootDatabase } from 'lmdb';
import { KbisectError, systemCode } from '@kbisect/shared/errors';
import type { JobEvent } from '@kbisect/shared/gen/kbisect/v1/job';
import { jobId, type JobId } from '@kbisect/shared/ids';
import type { Journal } from './journal.js';
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

  async *readAll(): AsyncIterable<readonly [JobId, JobEvent[]]> {
    let job: JobId | undefined;
    let events: JobEvent[] = [];
    for (const { key, value } of this.#db.getRange()) {
      if (key[0] !== job) {
        if (job !== undefined) yield [job, events];
        await turn(); // a long journal is no reason to answer nobody
        [job, events] = [jobId(key[0]), []];
      }
      events.push(decodeEvent(job, value));
    }
    if (job !== undefined) yield [job, events];
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

  #version(job: JobId): number {
    for (const key of this.#db.getKeys({ start: [job, Infinity], end: [job, -1], reverse: true, limit: 1 })) {
      return key[1] + 1;
    }
    return 0;
  }
}
