import { setTimeout as delay } from 'node:timers/promises';
import { JetStreamApiError } from '@nats-io/jetstream';
import { Kvm, type KV, type KvEntry } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/nats-core';
import { z } from 'zod';
import { KbisectError, messageOf } from '@kbisect/shared/errors';
import type { Logger } from '@kbisect/shared/log';
import type { Leadership, Term } from './leadership.js';

const BUCKET = 'kbisect-leader';
const KEY = 'leader';
const WRONG_LAST_SEQUENCE = 10071;

/** How long the lead lasts, in milliseconds, and when it is renewed. */
export interface LeadTiming {
  readonly renewMs: number;
  /** A leader that has not renewed for so long stops. */
  readonly holdMs: number;
  /** Others take the lead of one that has not renewed for so long; longer than `holdMs`, so that clocks may differ in speed. */
  readonly deadlineMs: number;
  /** And of one that does not even answer at its address, after so long. */
  readonly goneMs: number;
}

/** NATS takes up to nine seconds to elect who leads the bucket: a leader of ours outlasts that. */
export const LEAD_TIMING: LeadTiming = { renewMs: 1000, holdMs: 11_000, deadlineMs: 12_000, goneMs: 3000 };

/** A coordinator as others are to know it. */
export interface Candidate {
  /** Of its state directory, which has one owner: the same coordinator, started again, has the same. */
  readonly id: string;
  /** Where clients and agents reach it, `host:port`. */
  readonly address: string;
}

const held = z.object({ id: z.string(), address: z.string() });

/**
 * The lead as a key of a NATS JetStream bucket. Each renewal is a new revision of it, made only if nobody else has made one;
 * who sees one revision for longer than the deadline, by a clock of its own, may replace it. The revision with which a term
 * begins is its token. No clocks are compared, and no server has to expire anything. One whose machine is dead is replaced sooner,
 * as it does not answer; if it lives all the same and is only cut off, it has the lead for a while without being able to write.
 */
export class JetStreamLeadership implements Leadership {
  #leader: string | undefined;
  #seen: { readonly revision: number; readonly at: number } = { revision: 0, at: 0 };

  private constructor(
    private readonly bucket: KV,
    private readonly me: Candidate,
    private readonly log: Logger,
    private readonly answers: (address: string) => Promise<boolean>,
    private readonly timing: LeadTiming,
    /** Milliseconds of a clock that is never set. */
    private readonly elapsed: () => number,
  ) {}

  /**
   * @param connection stays the caller's
   * @param replicas servers that keep the key
   * @param answers whether a coordinator is there at its address
   * @throws KbisectError `unavailable` when the servers have no JetStream or do not answer
   */
  static async open(
    connection: NatsConnection,
    replicas: number,
    me: Candidate,
    log: Logger,
    answers: (address: string) => Promise<boolean>,
    timing = LEAD_TIMING,
    elapsed = () => performance.now(),
  ): Promise<JetStreamLeadership> {
    try {
      const bucket = await new Kvm(connection).create(BUCKET, { replicas, history: 1 });
      return new JetStreamLeadership(bucket, me, log, answers, timing, elapsed);
    } catch (error) {
      throw new KbisectError('unavailable', `JetStream cannot keep the lead: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }

  get leader(): string | undefined {
    return this.#leader;
  }

  async attempt(): Promise<Term | undefined> {
    const entry = await this.bucket.get(KEY);
    if (!(await this.#isVacant(entry))) return undefined;
    const sentAt = this.elapsed();
    const token = await this.#write(entry?.revision ?? 0);
    if (token === undefined) return undefined;
    this.#leader = this.me.address;
    return this.#begin(token, sentAt);
  }

  async campaign(signal: AbortSignal): Promise<Term> {
    for (;;) {
      signal.throwIfAborted();
      try {
        const term = await this.attempt();
        if (term) return term;
      } catch (error) {
        this.log.warn({ reason: messageOf(error) }, 'it cannot be seen who leads; trying again');
      }
      await delay(this.timing.renewMs / 2, undefined, { signal });
    }
  }

  async #isVacant(entry: KvEntry | null): Promise<boolean> {
    if (entry?.operation !== 'PUT') return true;
    const { id, address } = held.parse(entry.json());
    this.#leader = address;
    if (id === this.me.id) return true;
    if (entry.revision !== this.#seen.revision) this.#seen = { revision: entry.revision, at: this.elapsed() };
    const silent = this.elapsed() - this.#seen.at;
    if (silent < this.timing.goneMs) return false;
    return silent >= this.timing.deadlineMs || !(await this.answers(address));
  }

  /** Writes the key over a revision of it; undefined when that is not its last. */
  async #write(over: number): Promise<number | undefined> {
    try {
      const timeout = this.timing.renewMs;
      return await this.bucket.put(KEY, JSON.stringify(this.me), { previousSeq: over, timeout });
    } catch (error) {
      if (error instanceof JetStreamApiError && error.code === WRONG_LAST_SEQUENCE) return undefined;
      throw error;
    }
  }

  #begin(token: number, sentAt: number): Term {
    const over = new AbortController();
    const resigned = new AbortController();
    let revision = token;
    let watchdog = setTimeout(() => undefined, 0);
    const holdFrom = (from: number) => {
      clearTimeout(watchdog);
      const left = from + this.timing.holdMs - this.elapsed();
      watchdog = setTimeout(() => over.abort(), left);
    };
    holdFrom(sentAt);
    const done = AbortSignal.any([over.signal, resigned.signal]);
    const renewing = (async () => {
      for (;;) {
        await delay(this.timing.renewMs, undefined, { signal: done }).catch(() => undefined);
        if (done.aborted) return;
        const from = this.elapsed();
        try {
          const renewed = (await this.#write(revision)) ?? (await this.#mine(revision));
          if (renewed === undefined) {
            over.abort();
            return;
          }
          revision = renewed;
          holdFrom(from);
        } catch (error) {
          this.log.warn({ reason: messageOf(error) }, 'the lead cannot be renewed; trying again');
        }
      }
    })();
    const resign = async () => {
      resigned.abort();
      await renewing;
      clearTimeout(watchdog);
      if (over.signal.aborted) return;
      over.abort();
      await this.bucket.delete(KEY, { previousSeq: revision }).catch(() => undefined); // it runs out all the same
    };
    return { token, over: over.signal, resign };
  }

  /** The key's revision if we have written it after another: the answer to that was lost. */
  async #mine(after: number): Promise<number | undefined> {
    const entry = await this.bucket.get(KEY);
    if (entry?.operation !== 'PUT' || held.parse(entry.json()).id !== this.me.id) return undefined;
    return entry.revision > after ? entry.revision : undefined;
  }
}
