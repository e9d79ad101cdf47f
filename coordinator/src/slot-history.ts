import { JobEvents, type JobEvent, type LeaseEnd } from '@kbisect/shared/gen/kbisect/v1/job';
import type { JobSnapshot } from '@kbisect/shared/gen/kbisect/v1/snapshot';
import type { JobId } from '@kbisect/shared/ids';

/** What was over so long ago, in milliseconds, nobody is shown. */
const SHOWN_MS = 24 * 3_600_000;
/** So many of the latest leases are kept. */
const MAX_SPANS = 5000;

/** What one slot of an agent did for a while: a lease. */
export interface Span {
  readonly lease: string;
  readonly agent: string;
  /** Slots of an agent are numbered from 0. */
  readonly slot: number;
  readonly job: string;
  readonly commit: string;
  /** Milliseconds since the epoch. */
  readonly from: number;
  /** Absent while it lasts. */
  to?: number;
  /** How it ended: `done`, `withdrawn`. */
  end?: string;
}

/** What the slots of all agents did lately, of the journals of all jobs. */
export class SlotHistory {
  /** By lease, in the order of their last change. */
  readonly #spans = new Map<string, Span & { change: number }>();
  readonly #busy = new Map<string, Set<number>>();
  /** Grows with each change. */
  change = 0;

  /** Takes in a job's next events, which are durable. */
  take(job: JobId, events: readonly JobEvent[]): void {
    for (const { at, fact } of events) {
      const time = at?.getTime() ?? 0;
      if (fact?.$case === 'leased') {
        const { lease, agent, commit } = fact.value;
        const slot = this.#take(agent);
        this.#put({ lease, agent, slot, job, commit, from: time });
      } else if (fact?.$case === 'leaseEnded') {
        const span = this.#spans.get(fact.value.lease);
        if (span === undefined) continue;
        this.#busy.get(span.agent)?.delete(span.slot);
        this.#put({ ...span, to: time, end: wordOf(fact.value.reason) });
      }
    }
  }

  /** Takes in the leases of a job that was over when the coordinator started. */
  recall(job: JobId, { endedAt, leases }: JobSnapshot, now: number): void {
    const isShown = endedAt !== undefined && now - endedAt.getTime() < SHOWN_MS;
    if (isShown) this.take(job, JobEvents.decode(leases).events);
  }

  /** Spans that have changed since, oldest change first. */
  since(change: number): Span[] {
    return [...this.#spans.values()].filter((span) => span.change > change);
  }

  #put(span: Span): void {
    this.#spans.delete(span.lease);
    this.#spans.set(span.lease, { ...span, change: ++this.change });
    if (this.#spans.size <= MAX_SPANS) return;
    // With each lease of a busy farm: no copy of them all is made.
    for (const { lease, to } of this.#spans.values()) {
      if (to === undefined) continue;
      this.#spans.delete(lease);
      return;
    }
  }

  /** The lowest slot that is free. */
  #take(agent: string): number {
    const busy = this.#busy.get(agent) ?? new Set<number>();
    this.#busy.set(agent, busy);
    let slot = 0;
    while (busy.has(slot)) slot++;
    busy.add(slot);
    return slot;
  }
}

function wordOf(reason: LeaseEnd): string {
  return reason.replace(/^LEASE_END_/, '').toLowerCase();
}
