import type {
  AgentMessage,
  BuildResult,
  LeaseRef,
  TaskResult,
  TrialResult,
} from '@kbisect/shared/gen/kbisect/v1/session';

/** A result of a lease, before it has a number. */
export type Result =
  | { $case: 'build'; value: Omit<BuildResult, 'lease' | 'seq'> }
  | { $case: 'trial'; value: Omit<TrialResult, 'lease' | 'seq'> }
  | { $case: 'task'; value: Omit<TaskResult, 'lease' | 'seq'> };

type Message = NonNullable<AgentMessage['kind']>;

/**
 * The results that the coordinator has not acknowledged yet, in order, for each lease. Whatever happens to the
 * connection or to the coordinator, they are sent until they are in its journal.
 */
export class Outbox {
  readonly #leases = new Map<string, { ref: LeaseRef; next: number; unacknowledged: Message[] }>();

  /** Begins a lease: its results are numbered from 0. */
  open(ref: LeaseRef): void {
    this.#leases.set(ref.lease, { ref, next: 0, unacknowledged: [] });
  }

  /** Whether the lease is worked on, or has results that the coordinator may not know of. */
  has(ref: LeaseRef): boolean {
    return this.#leases.has(ref.lease);
  }

  /** Numbers a result and keeps it; gives the message to send now, or undefined when the lease was dropped. */
  add(ref: LeaseRef, result: Result): Message | undefined {
    const lease = this.#leases.get(ref.lease);
    if (lease === undefined) return undefined;
    const numbered = { ...result, value: { ...result.value, lease: ref, seq: lease.next } } as Message;
    lease.next += 1;
    lease.unacknowledged.push(numbered);
    return numbered;
  }

  /** Forgets a lease's results up to and including `seq`, and the lease with its last one. */
  acknowledge(ref: LeaseRef, seq: number): void {
    const lease = this.#leases.get(ref.lease);
    if (lease === undefined) return;
    while (lease.unacknowledged[0] !== undefined && seqOf(lease.unacknowledged[0]) <= seq) {
      if (lease.unacknowledged.shift()?.$case === 'task') this.#leases.delete(ref.lease);
    }
  }

  /** Forgets a lease and its results: the coordinator does not want them. */
  drop(ref: LeaseRef): void {
    this.#leases.delete(ref.lease);
  }

  /** All leases that it has. */
  leases(): LeaseRef[] {
    return [...this.#leases.values()].map(({ ref }) => ref);
  }

  /** Everything that is to be sent again. */
  unacknowledged(): Message[] {
    return [...this.#leases.values()].flatMap((lease) => lease.unacknowledged);
  }
}

function seqOf(message: Message): number {
  return 'seq' in message.value ? message.value.seq : -1;
}
