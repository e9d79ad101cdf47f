import type { Clock } from '@kbisect/shared/clock';
import { KbisectError, messageOf, systemCode } from '@kbisect/shared/errors';
import type { Progress_Phase } from '@kbisect/shared/gen/kbisect/v1/session';
import {
  type AgentMessage,
  type Capabilities,
  type CoordinatorMessage,
  type LeaseRef,
  type Offer,
  type Task,
  type TaskResult,
  type WarmTree,
} from '@kbisect/shared/gen/kbisect/v1/session';
import type { Logger } from '@kbisect/shared/log';
import { Backoff } from './backoff.js';
import { Outbox, type Result } from './outbox.js';

/** The version of the session protocol that this agent speaks. */
export const PROTOCOL = 2;

/** How a task ends, as its worker sees it. */
export type TaskEnd = NonNullable<TaskResult['end']>;

/** What a worker may say while it works. */
export interface Report {
  progress(phase: Progress_Phase, fraction: number): void;
  console(data: Uint8Array): void;
  result(result: Exclude<Result, { $case: 'task' }>): void;
}

/** Does tasks, one for each call; a slot is its own. */
export interface Worker {
  /** Resolves with how the task ended; when the signal is aborted it stops soon and what it gives is ignored. */
  work(task: Task, gitUrl: string, report: Report, signal: AbortSignal): Promise<TaskEnd>;
  /** The worktrees that stand ready to build in. */
  trees(): WarmTree[];
}

/** What an agent says of itself. */
export interface Identity {
  readonly name: string;
  readonly incarnation: string;
  readonly slots: number;
  readonly labels: Record<string, string>;
  readonly capabilities: Capabilities;
}

/** A stream to a coordinator, as gRPC gives it: what is read from it ends, or fails, with the connection. */
export interface Line extends AsyncIterable<CoordinatorMessage> {
  write(message: AgentMessage): unknown;
  cancel(): void;
}

/**
 * An agent's side of the conversation. It connects, says hello with all that it works on, takes offers, and
 * connects again whenever the stream breaks; work goes on meanwhile and its results wait in the outbox.
 */
export class Session {
  readonly #outbox = new Outbox();
  readonly #tasks = new Map<string, AbortController>();
  #line: Line | undefined;
  #gitUrl = '';
  #ccacheUrl = '';
  #draining = false;

  constructor(
    private readonly connect: () => Line,
    private readonly identity: Identity,
    private readonly worker: Worker,
    private readonly clock: Clock,
    private readonly log: Logger,
    private readonly random: () => number = Math.random,
  ) {}

  /**
   * Serves until the signal is aborted; its tasks are then stopped.
   * @throws KbisectError `failed-precondition` when the coordinator will never take this agent
   */
  async serve(signal: AbortSignal): Promise<void> {
    const backoff = new Backoff(this.random);
    try {
      while (!signal.aborted) {
        if (await this.#converse(signal)) backoff.reset();
        await this.clock.sleep(backoff.next(), signal).catch(() => undefined);
      }
    } finally {
      for (const task of this.#tasks.values()) task.abort();
    }
  }

  /** Base URL of the farm's compiled objects; empty while none is known. */
  get ccacheUrl(): string {
    return this.#ccacheUrl;
  }

  /** Takes no more offers; resolves when the last task is done and acknowledged. */
  drain(): void {
    this.#draining = true;
    this.#send({ $case: 'drain', value: {} });
  }

  /** One connection, from hello to its end; gives whether the coordinator welcomed us. */
  async #converse(signal: AbortSignal): Promise<boolean> {
    const ended = new AbortController();
    const line = this.connect();
    this.#line = line;
    const hangUp = () => line.cancel();
    signal.addEventListener('abort', hangUp, { once: true });
    let welcomed = false;
    this.#send({
      $case: 'hello',
      value: {
        ...this.identity,
        leases: this.#outbox.leases(),
        protocol: PROTOCOL,
        trees: this.worker.trees(),
      },
    });
    try {
      for await (const { kind } of line) {
        switch (kind?.$case) {
          case 'welcome':
            welcomed = true;
            this.#gitUrl = kind.value.gitUrl;
            this.#ccacheUrl = kind.value.ccacheUrl;
            this.log.info({ gitUrl: this.#gitUrl }, 'connected');
            if (this.#draining) this.drain();
            void this.#heartbeats(Math.max(1, kind.value.heartbeatSeconds) * 1000, ended.signal);
            break;
          case 'offer':
            this.#offered(kind.value);
            break;
          case 'cancel':
            if (kind.value.lease) this.#cancel(kind.value.lease);
            break;
          case 'ack':
            if (kind.value.lease) this.#outbox.acknowledge(kind.value.lease, kind.value.seq);
            break;
          case undefined:
            break; // a message of a later version
        }
      }
      this.log.info('the coordinator ended the session');
    } catch (error) {
      if (!signal.aborted) this.log.warn({ reason: messageOf(error) }, 'no connection to the coordinator');
    } finally {
      ended.abort();
      signal.removeEventListener('abort', hangUp);
      this.#line = undefined;
      line.cancel();
    }
    return welcomed;
  }

  /** Tells the coordinator, again and again, what is worked on, and what it has not acknowledged. */
  async #heartbeats(everyMs: number, until: AbortSignal): Promise<void> {
    while (!until.aborted) {
      this.#heartbeat();
      for (const message of this.#outbox.unacknowledged()) this.#send(message);
      await this.clock.sleep(everyMs, until).catch(() => undefined);
    }
  }

  #heartbeat(): void {
    this.#send({
      $case: 'heartbeat',
      value: { leases: this.#outbox.leases(), trees: this.worker.trees() },
    });
  }

  #offered(offer: Offer): void {
    const { lease, task } = offer;
    if (lease === undefined || task === undefined || this.#outbox.has(lease)) return;
    this.#outbox.open(lease);
    // A withdrawn task that is still being stopped gives its slot to this one.
    const busy = [...this.#tasks.values()].filter((task) => !task.signal.aborted).length;
    if (busy >= this.identity.slots) {
      this.#result(lease, {
        $case: 'task',
        value: { end: { $case: 'failed', value: { reason: 'no free slot', unfit: true } } },
      });
      return;
    }
    this.#send({ $case: 'accept', value: { lease } });
    const abort = new AbortController();
    this.#tasks.set(lease.lease, abort);
    void this.#work(lease, task, abort.signal);
  }

  /** Owns its promise: however the task ends, the coordinator is told, unless it withdrew the lease. */
  async #work(lease: LeaseRef, task: Task, signal: AbortSignal): Promise<void> {
    const report: Report = {
      progress: (phase, fraction) => this.#send({ $case: 'progress', value: { lease, phase, fraction } }),
      console: (data) => this.#send({ $case: 'console', value: { lease, data: Buffer.from(data) } }),
      result: (result) => this.#result(lease, result),
    };
    let end: TaskEnd;
    try {
      end = await this.worker.work(task, this.#gitUrl, report, signal);
    } catch (error) {
      if (!signal.aborted) this.log.error({ err: error, ...lease }, 'a task failed');
      end = { $case: 'failed', value: { reason: messageOf(error), unfit: isUnfit(error) } };
    }
    this.#tasks.delete(lease.lease);
    this.log.info(
      { ...lease, commit: task.commit, end: signal.aborted ? 'withdrawn' : end.$case },
      'task ended',
    );
    this.#result(lease, { $case: 'task', value: { end } });
  }

  #cancel(lease: LeaseRef): void {
    this.#outbox.drop(lease);
    this.#tasks.get(lease.lease)?.abort(new KbisectError('cancelled', 'the coordinator withdrew the lease'));
  }

  #result(lease: LeaseRef, result: Result): void {
    // The next offer follows upon a build's result at once: what it costs depends on where the trees are now.
    if (result.$case === 'build') this.#heartbeat();
    const message = this.#outbox.add(lease, result);
    if (message) this.#send(message);
  }

  /** Sends now or not at all: what must arrive is in the outbox. */
  #send(kind: NonNullable<AgentMessage['kind']>): void {
    this.#line?.write({ kind });
  }
}

/** Whether what was thrown would have stopped any other task as well. */
function isUnfit(error: unknown): boolean {
  if (error instanceof KbisectError)
    return ['resource-exhausted', 'missing-tool', 'unavailable'].includes(error.code);
  return ['ENOSPC', 'EDQUOT', 'EROFS', 'EIO', 'EMFILE', 'ENOMEM'].includes(systemCode(error) ?? '');
}
