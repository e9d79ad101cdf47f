import { createHash, randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import {
  DeliverPolicy,
  jetstream,
  JetStreamApiError,
  jetstreamManager,
  type JetStreamClient,
  type JetStreamManager,
  type OrderedConsumerOptions,
  type StoredMsg,
} from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { KbisectError, messageOf } from '@kbisect/shared/errors';
import { JobEvents, type JobEvent } from '@kbisect/shared/gen/kbisect/v1/job';
import { jobId, type JobId } from '@kbisect/shared/ids';
import { ANSWER_MS, answered, asked } from '../nats.js';
import type { Journal, StreamEnd } from './journal.js';
import { LiveEvents } from './live-events.js';
import { presentMessages, type Source } from './messages.js';
import { decodeAppend, encodeAppend } from './stored-events.js';

const STREAM = 'kbisect-jobs';
const SUBJECT = 'kbisect.job.';
/** Where terms begin. */
const TERMS = 'kbisect.term';
/**
 * How long it is tried, in milliseconds, to publish what is not answered: servers elect a leader meanwhile. The server drops
 * what it has got twice, for two minutes.
 */
const PATIENCE_MS = 30_000;
const RETRY_MS = 200;
/** So many jobs are read each for itself; of more, everything is read and what is not asked for is left out. */
const MAX_READ_SINGLY = 100;
const WRONG_LAST_SEQUENCE = 10071;
const OTHER_CONFIGURATION = 10058;
const NO_ROOM = new Set([10023, 10047, 10077]);

/** Where a job's stream ends. */
interface End {
  /** Of the last message on the job's subject; 0 when there is none. */
  readonly sequence: number;
  readonly version: number;
}

interface JobMessage {
  readonly job: JobId;
  readonly seq: number;
  readonly data: Uint8Array;
}

/**
 * The journal as one stream of a NATS JetStream cluster, a subject for each job, a message for each append.
 *
 * How durable an acknowledged event is, is the server's matter: a majority of replicas has it in memory or on disk; servers
 * before 2.10 do not sync each message, so that their durability is their number.
 *
 * Each message names the last one on its job's subject, so that of two writers one is refused. In a term it names the last of
 * the whole stream, too: the message that begins a term makes all that was seen before it old.
 *
 * A server that has just come to lead the stream may not know yet all that was acknowledged: one that knows less than this
 * writer has seen is asked again.
 */
export class JetStreamJournal implements Journal {
  readonly #live = new LiveEvents();
  readonly #ends = new Map<JobId, End>();
  /** In a term: of the last message of all the stream. */
  #last: number | undefined;
  #publishing: Promise<unknown> = Promise.resolve();
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
      const manager = await jetstreamManager(connection, { timeout: ANSWER_MS });
      const config = { subjects: [`${SUBJECT}*`, TERMS], num_replicas: replicas, allow_direct: true };
      await manager.streams.add({ name: STREAM, ...config }).catch((error: unknown) => {
        if (codeOf(error) !== OTHER_CONFIGURATION) throw error;
        return manager.streams.update(STREAM, config);
      });
      return new JetStreamJournal(
        jetstream(connection, { timeout: ANSWER_MS }),
        manager,
        connection.info?.max_payload ?? 0,
      );
    } catch (error) {
      throw new KbisectError('unavailable', `JetStream cannot keep the journal: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }

  async append(job: JobId, expectedVersion: number, events: readonly JobEvent[]): Promise<void> {
    const { sequence, version } = this.#ends.get(job) ?? endOf(await this.#lastOf(job));
    if (version !== expectedVersion) throw this.#rivalled(job, version, expectedVersion);
    const bytes = encodeAppend(expectedVersion, events);
    if (bytes.length > this.maxBytes) {
      throw new KbisectError(
        'resource-exhausted',
        `${bytes.length} bytes of events are more than the NATS server takes; raise its max_payload`,
      );
    }
    // The same events of the same writer are one message, however often they are sent.
    const msgID = createHash('sha256').update(`${this.#writer} ${job} `).update(bytes).digest('hex');
    // In a term each message names the one before it, of any job: one after the other.
    const publish = () => this.#publish(job, bytes, msgID, { sequence, version });
    const sending = this.#last === undefined ? publish() : this.#publishing.then(publish);
    this.#publishing = sending.catch(() => undefined);
    const sent = await sending;
    if (this.#last !== undefined) this.#last = sent;
    this.#ends.set(job, { sequence: sent, version: expectedVersion + events.length });
    this.#live.appended(job, expectedVersion, events);
  }

  /** The stream's last message begins the term; whoever has not seen it has what it appends refused. */
  async fence(token: number): Promise<void> {
    for (const until = performance.now() + PATIENCE_MS; ;) {
      const { state } = await answered(this.manager.streams.info(STREAM));
      const begun = await answered(this.manager.streams.getMessage(STREAM, { last_by_subj: TERMS }));
      if (begun !== null && Number(begun.string()) > token) throw overtaken();
      try {
        const options = { timeout: ANSWER_MS, expect: { lastSequence: state.last_seq } };
        this.#last = (await this.client.publish(TERMS, String(token), options)).seq;
        this.#ends.clear();
        return;
      } catch (error) {
        // Somebody else has written meanwhile, or the answer was lost: begun twice it is begun once.
        if (performance.now() > until) {
          throw new KbisectError('unavailable', `JetStream does not begin a term: ${messageOf(error)}`, {
            cause: error,
          });
        }
        await delay(RETRY_MS);
      }
    }
  }

  async read(job: JobId, from = 0): Promise<JobEvent[]> {
    // In a term nobody else writes.
    const known = this.#last === undefined ? undefined : this.#ends.get(job);
    const { version } = known ?? endOf(await this.#lastOf(job));
    const events: JobEvent[] = [];
    if (version <= from) return events;
    for await (const event of this.#follow(job, from, version)) events.push(event);
    return events;
  }

  subscribe(job: JobId, signal: AbortSignal): AsyncIterable<readonly JobEvent[]> {
    return this.#live.follow(job, (from) => this.read(job, from), signal);
  }

  async *readAll(jobs?: ReadonlySet<JobId>): AsyncIterable<readonly [JobId, JobEvent[]]> {
    if (jobs !== undefined && jobs.size <= MAX_READ_SINGLY) {
      for (const job of [...jobs].sort()) yield [job, await this.read(job)];
      return;
    }
    const streams = new Map<JobId, JobEvent[]>();
    for await (const { job, data } of this.#present()) {
      if (jobs?.has(job) === false) continue;
      const { events } = decodeAppend(job, data);
      const known = streams.get(job);
      if (known) known.push(...events);
      else streams.set(job, events);
    }
    yield* [...streams].sort(([one], [other]) => (one < other ? -1 : 1));
  }

  async *ends(): AsyncIterable<StreamEnd> {
    const ends = new Map<JobId, StreamEnd>();
    for await (const { job, seq, data } of this.#present({ deliver_policy: DeliverPolicy.LastPerSubject })) {
      const { first, events } = decodeAppend(job, data);
      const version = first + events.length;
      const last = events.at(-1);
      if (last) ends.set(job, { job, version, last });
      if (this.#last !== undefined && !this.#ends.has(job)) this.#ends.set(job, { sequence: seq, version });
    }
    yield* [...ends.values()].sort((one, other) => (one.job < other.job ? -1 : 1));
  }

  /** The connection is its owner's to close. */
  close(): Promise<void> {
    return Promise.resolve();
  }

  async #publish(job: JobId, bytes: Uint8Array, msgID: string, end: End): Promise<number> {
    const lastSequence = this.#last === undefined ? {} : { lastSequence: this.#last };
    const expect = { lastSubjectSequence: end.sequence, ...lastSequence };
    const until = performance.now() + PATIENCE_MS;
    for (;;) {
      try {
        return (await this.client.publish(SUBJECT + job, bytes, { msgID, expect, timeout: ANSWER_MS })).seq;
      } catch (error) {
        const code = codeOf(error);
        if (code === WRONG_LAST_SEQUENCE && !(await this.#isBehind(end))) {
          this.#ends.delete(job);
          const last = await this.#lastOf(job);
          // It was written after all, and only the answer was lost.
          if (last?.header.get('Nats-Msg-Id') === msgID) return last.seq;
          const { version } = endOf(last);
          throw version === end.version ? overtaken() : this.#rivalled(job, version, end.version);
        }
        if (code !== undefined && NO_ROOM.has(code)) {
          throw new KbisectError('resource-exhausted', `the journal's stream is full: ${messageOf(error)}`);
        }
        if (performance.now() > until) {
          throw new KbisectError('unavailable', `JetStream does not take events: ${messageOf(error)}`, {
            cause: error,
          });
        }
        await delay(RETRY_MS);
      }
    }
  }

  /** Whether the stream's server knows less than this writer has seen. */
  async #isBehind({ sequence }: End): Promise<boolean> {
    const { state } = await answered(this.manager.streams.info(STREAM));
    return state.last_seq < Math.max(this.#last ?? 0, sequence);
  }

  /** Events from position `from`, until `to` of them are there. */
  async *#follow(job: JobId, from: number, to: number): AsyncGenerator<JobEvent> {
    for (let known = 0, seq = 1; known < to;) {
      const message = await this.#next(job, seq);
      seq = message.seq + 1;
      const { first, events } = decodeAppend(job, message.data);
      for (const [n, event] of events.entries()) if (first + n >= from) yield event;
      known = first + events.length;
    }
  }

  /** A message of the job that is known to be there, the first from a sequence on: any server gives it that has it by now. */
  async #next(job: JobId, seq: number): Promise<StoredMsg> {
    const query = { seq, next_by_subj: SUBJECT + job };
    for (const until = performance.now() + PATIENCE_MS; performance.now() < until;) {
      const message = await asked(() => this.manager.direct.getMessage(STREAM, query));
      if (message !== null) return message;
      await delay(RETRY_MS);
    }
    throw new KbisectError('unavailable', `JetStream does not give all events of job ${job}`);
  }

  /** Messages of all jobs from the first to the last that is there now; in a term to the last that there can be. */
  async *#present(filter: Partial<OrderedConsumerOptions> = {}): AsyncGenerator<JobMessage> {
    for await (const { subject, seq, data } of presentMessages(this.#source, '>', filter, this.#last))
      if (subject !== TERMS) yield { job: jobId(subject.slice(SUBJECT.length)), seq, data };
  }

  get #source(): Source {
    return { client: this.client, manager: this.manager, stream: STREAM };
  }

  #lastOf(job: JobId): Promise<StoredMsg | null> {
    return answered(this.manager.streams.getMessage(STREAM, { last_by_subj: SUBJECT + job }));
  }

  #rivalled(job: JobId, version: number, expected: number): KbisectError {
    return new KbisectError(
      'failed-precondition',
      `journal of job ${job} has ${version} events, not ${expected}: somebody else writes to it`,
    );
  }
}

function overtaken(): KbisectError {
  return new KbisectError(
    'failed-precondition',
    'another coordinator leads by now: the journal takes nothing from this one',
  );
}

function codeOf(error: unknown): number | undefined {
  return error instanceof JetStreamApiError ? error.code : undefined;
}

function endOf(last: StoredMsg | null): End {
  if (last === null) return { sequence: 0, version: 0 };
  const { first, events } = JobEvents.decode(last.data);
  return { sequence: last.seq, version: first + events.length };
}
