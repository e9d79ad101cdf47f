import { createHash, randomUUID } from 'node:crypto';
import {
  jetstream,
  JetStreamApiError,
  jetstreamManager,
  type JetStreamClient,
  type JetStreamManager,
  type StoredMsg,
} from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { KbisectError, messageOf } from '@kbisect/shared/errors';
import { JobEvents, type JobEvent } from '@kbisect/shared/gen/kbisect/v1/job';
import { jobId, type JobId } from '@kbisect/shared/ids';
import type { Journal } from './journal.js';

const STREAM = 'kbisect-jobs';
const SUBJECT = 'kbisect.job.';
/** Attempts to publish of which no answer came; the server drops what it has got twice. */
const ATTEMPTS = 3;
const WRONG_LAST_SEQUENCE = 10071;
const NO_ROOM = new Set([10023, 10047, 10077]);

/** Where a job's stream ends. */
interface End {
  /** Of the last message on the job's subject; 0 when there is none. */
  readonly sequence: number;
  readonly version: number;
}

/**
 * The journal as one stream of a NATS JetStream cluster, a subject for each job, a message for each append.
 *
 * How durable an acknowledged event is, is the server's matter: a majority of replicas has it in memory or on disk; servers
 * before 2.10 do not sync each message, so that their durability is their number.
 */
export class JetStreamJournal implements Journal {
  readonly #ends = new Map<JobId, End>();
  /** Tells this writer's messages from those of others. */
  readonly #writer = randomUUID();

  private constructor(
    private readonly client: JetStreamClient,
    private readonly manager: JetStreamManager,
    private readonly maxBytes: number,
  ) {}

  /**
   * Opens the stream, and makes it where there is none.
   * @param connection stays the caller's
   * @param replicas servers that keep each event
   * @throws KbisectError `unavailable` when the servers have no JetStream or do not answer
   */
  static async open(connection: NatsConnection, replicas: number): Promise<JetStreamJournal> {
    try {
      const manager = await jetstreamManager(connection);
      await manager.streams.add({ name: STREAM, subjects: [`${SUBJECT}*`], num_replicas: replicas });
      return new JetStreamJournal(jetstream(connection), manager, connection.info?.max_payload ?? 0);
    } catch (error) {
      throw new KbisectError('unavailable', `JetStream cannot keep the journal: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }

  async append(job: JobId, expectedVersion: number, events: readonly JobEvent[]): Promise<void> {
    const { sequence, version } = this.#ends.get(job) ?? (await this.#end(job));
    if (version !== expectedVersion) throw this.#rivalled(job, version, expectedVersion);
    const bytes = JobEvents.encode({ first: expectedVersion, events: [...events] }).finish();
    if (bytes.length > this.maxBytes) {
      throw new KbisectError(
        'resource-exhausted',
        `${bytes.length} bytes of events are more than the NATS server takes; raise its max_payload`,
      );
    }
    // The same events of the same writer are one message, however often they are sent.
    const msgID = createHash('sha256').update(`${this.#writer} ${job} `).update(bytes).digest('hex');
    const sent = await this.#publish(job, bytes, msgID, { sequence, version });
    this.#ends.set(job, { sequence: sent, version: expectedVersion + events.length });
  }

  async read(job: JobId, from = 0): Promise<JobEvent[]> {
    const { version } = await this.#end(job);
    const events: JobEvent[] = [];
    if (version <= from) return events;
    for await (const event of this.#follow(job, from, version)) events.push(event);
    return events;
  }

  subscribe(job: JobId, signal: AbortSignal): AsyncIterable<JobEvent> {
    return this.#follow(job, 0, Infinity, signal);
  }

  async jobs(): Promise<JobId[]> {
    const { state } = await answered(this.manager.streams.info(STREAM, { subjects_filter: `${SUBJECT}*` }));
    return Object.keys(state.subjects ?? {})
      .map((subject) => jobId(subject.slice(SUBJECT.length)))
      .sort();
  }

  /** The connection is its owner's to close. */
  close(): Promise<void> {
    return Promise.resolve();
  }

  async #publish(job: JobId, bytes: Uint8Array, msgID: string, end: End): Promise<number> {
    for (let attempt = 1; ; attempt++) {
      try {
        const options = { msgID, expect: { lastSubjectSequence: end.sequence } };
        return (await this.client.publish(SUBJECT + job, bytes, options)).seq;
      } catch (error) {
        const code = error instanceof JetStreamApiError ? error.code : undefined;
        if (code === WRONG_LAST_SEQUENCE) {
          this.#ends.delete(job);
          const last = await this.#last(job);
          // It was written after all, and only the answer was lost.
          if (last?.header.get('Nats-Msg-Id') === msgID) return last.seq;
          throw this.#rivalled(job, endOf(last).version, end.version);
        }
        if (code !== undefined && NO_ROOM.has(code)) {
          throw new KbisectError('resource-exhausted', `the journal's stream is full: ${messageOf(error)}`);
        }
        if (attempt < ATTEMPTS) continue;
        throw new KbisectError('unavailable', `JetStream does not take events: ${messageOf(error)}`, {
          cause: error,
        });
      }
    }
  }

  /** Events from position `from`, until `to` of them are there. */
  async *#follow(job: JobId, from: number, to: number, signal?: AbortSignal): AsyncGenerator<JobEvent> {
    if (signal?.aborted === true) return;
    const consumer = await answered(this.client.consumers.get(STREAM, { filter_subjects: SUBJECT + job }));
    const messages = await answered(consumer.consume());
    const leave = () => messages.stop();
    signal?.addEventListener('abort', leave, { once: true });
    try {
      for await (const message of messages) {
        const { first, events } = JobEvents.decode(message.data);
        for (const [n, event] of events.entries()) if (first + n >= from) yield event;
        if (first + events.length >= to) return;
      }
    } finally {
      signal?.removeEventListener('abort', leave);
      await messages.close();
      await consumer.delete().catch(() => undefined); // the server forgets it, too, after a while
    }
  }

  async #end(job: JobId): Promise<End> {
    const end = endOf(await this.#last(job));
    this.#ends.set(job, end);
    return end;
  }

  #last(job: JobId): Promise<StoredMsg | null> {
    return answered(this.manager.streams.getMessage(STREAM, { last_by_subj: SUBJECT + job }));
  }

  #rivalled(job: JobId, version: number, expected: number): KbisectError {
    return new KbisectError(
      'failed-precondition',
      `journal of job ${job} has ${version} events, not ${expected}: somebody else writes to it`,
    );
  }
}

function endOf(last: StoredMsg | null): End {
  if (last === null) return { sequence: 0, version: 0 };
  const { first, events } = JobEvents.decode(last.data);
  return { sequence: last.seq, version: first + events.length };
}

async function answered<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw new KbisectError('unavailable', `JetStream does not answer: ${messageOf(error)}`, { cause: error });
  }
}
