import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { credentials, type ClientDuplexStream } from '@grpc/grpc-js';
import type { Outcome } from '@kbisect/shared/gen/kbisect/v1/job';
import {
  AgentSessionClient,
  Capabilities,
  type AgentMessage,
  type CoordinatorMessage,
  type LeaseRef,
  type Offer,
  type Task,
} from '@kbisect/shared/gen/kbisect/v1/session';

const HEARTBEAT_MS = 3000;

/** What an agent has measured. */
export interface Measures {
  /** Tasks whose end the coordinator has acknowledged. */
  completed: number;
  /** Milliseconds from each task's end being sent to the next offer. */
  readonly toOffer: number[];
  /** Milliseconds from each task's end being sent to its acknowledgement. */
  readonly toAck: number[];
}

/**
 * An agent's session over a TCP connection of its own that speaks as a real one does, and whose tasks are waits. What is
 * measured of the farm is all that an agent's machine does not do.
 */
export class LoadAgent {
  /** Resolves when the coordinator has welcomed it. */
  readonly welcomed: Promise<void>;
  readonly #client: AgentSessionClient;
  readonly #stream: ClientDuplexStream<AgentMessage, CoordinatorMessage>;
  readonly #leases = new Map<string, LeaseRef>();
  readonly #ends = new Map<string, { readonly seq: number; readonly at: number }>();
  #welcome = () => {};
  #freeSince: number | undefined;

  /**
   * @param outcomeOf what a trial of a task shows
   * @param taskMs how long the next task takes
   */
  constructor(
    address: string,
    name: string,
    private readonly outcomeOf: (task: Task) => Outcome,
    private readonly taskMs: () => number,
    private readonly measures: Measures,
  ) {
    this.welcomed = new Promise((resolve) => (this.#welcome = resolve));
    this.#client = new AgentSessionClient(address, credentials.createInsecure(), {
      'grpc.use_local_subchannel_pool': 1,
    });
    this.#stream = this.#client.connect();
    const incarnation = randomUUID();
    const capabilities = Capabilities.create();
    this.#send({
      $case: 'hello',
      value: { name, incarnation, slots: 1, labels: {}, capabilities, leases: [], protocol: 1, trees: [] },
    });
  }

  /** Serves until the signal is aborted; rejects when the coordinator ends the session. */
  async serve(signal: AbortSignal): Promise<void> {
    const heartbeat = setInterval(
      () => this.#send({ $case: 'heartbeat', value: { leases: [...this.#leases.values()], trees: [] } }),
      HEARTBEAT_MS,
    );
    signal.addEventListener('abort', () => this.#stream.cancel(), { once: true });
    try {
      for await (const { kind } of this.#stream as AsyncIterable<CoordinatorMessage>) {
        if (kind?.$case === 'welcome') this.#welcome();
        else if (kind?.$case === 'offer') void this.#work(kind.value);
        else if (kind?.$case === 'cancel') this.#leases.delete(kind.value.lease?.lease ?? '');
        else if (kind?.$case === 'ack') this.#acknowledged(kind.value.lease?.lease ?? '', kind.value.seq);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      clearInterval(heartbeat);
      this.#client.close();
    }
  }

  async #work({ lease, task }: Offer): Promise<void> {
    if (lease === undefined || task === undefined) return;
    if (this.#freeSince !== undefined) this.measures.toOffer.push(performance.now() - this.#freeSince);
    this.#freeSince = undefined;
    this.#leases.set(lease.lease, lease);
    this.#send({ $case: 'accept', value: { lease } });
    await delay(this.taskMs());
    // A withdrawn task is stopped, and nothing is said of it.
    if (!this.#leases.has(lease.lease)) return;
    for (let seq = 0; seq < task.trials; seq++) {
      this.#send({
        $case: 'trial',
        value: {
          lease,
          seq,
          commit: task.commit,
          outcome: this.outcomeOf(task),
          console: undefined,
          seconds: 1,
          image: '',
          initramfs: '',
        },
      });
    }
    this.#freeSince = performance.now();
    this.#ends.set(lease.lease, { seq: task.trials, at: this.#freeSince });
    this.#send({ $case: 'task', value: { lease, seq: task.trials, end: { $case: 'done', value: {} } } });
    this.#leases.delete(lease.lease);
  }

  #acknowledged(lease: string, seq: number): void {
    const end = this.#ends.get(lease);
    if (end === undefined || seq < end.seq) return;
    this.#ends.delete(lease);
    this.measures.completed += 1;
    this.measures.toAck.push(performance.now() - end.at);
  }

  #send(kind: NonNullable<AgentMessage['kind']>): void {
    this.#stream.write({ kind });
  }
}
