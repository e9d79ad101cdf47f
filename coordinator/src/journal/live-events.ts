import { EventEmitter, once } from 'node:events';
import type { JobEvent } from '@kbisect/shared/gen/kbisect/v1/job';
import type { JobId } from '@kbisect/shared/ids';

/** Events kept for one subscriber; a slower one reads what it has missed. */
const MAX_PENDING = 1000;

/** Hands on what is appended to those who follow a job, so that a store elsewhere is asked for the past alone. */
export class LiveEvents {
  readonly #appended = new EventEmitter().setMaxListeners(0);

  /** Events have become durable, the first of them at a position of the job's stream. */
  appended(job: JobId, first: number, events: readonly JobEvent[]): void {
    this.#appended.emit(job, first, events);
  }

  /** @param read gives the job's events from a position to the present end */
  async *follow(
    job: JobId,
    read: (from: number) => Promise<readonly JobEvent[]>,
    signal: AbortSignal,
  ): AsyncGenerator<readonly JobEvent[]> {
    let pending: JobEvent[] = [];
    /** Position of the first pending event, or of the next one to come; none while it is not known. */
    let pendingFrom: number | undefined;
    const take = (first: number, events: readonly JobEvent[]) => {
      if (pendingFrom === undefined || pendingFrom + pending.length !== first) {
        pending = [];
        pendingFrom = first;
      }
      pending.push(...events);
      if (pending.length > MAX_PENDING) {
        pending = [];
        pendingFrom = undefined;
      }
    };
    this.#appended.on(job, take);
    try {
      for (let position = 0; !signal.aborted;) {
        const joins =
          pendingFrom !== undefined && pendingFrom <= position && position <= pendingFrom + pending.length;
        let next: readonly JobEvent[];
        if (joins) {
          next = pending.slice(position - pendingFrom!);
          pending = [];
          pendingFrom = position + next.length;
        } else next = await read(position);
        if (next.length > 0) yield next;
        position += next.length;
        if (next.length === 0 && pending.length === 0) {
          pendingFrom ??= position;
          await once(this.#appended, job, { signal }).catch(() => undefined);
        }
      }
    } finally {
      this.#appended.off(job, take);
    }
  }
}
