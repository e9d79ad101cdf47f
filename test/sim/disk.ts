import { EventEmitter, once } from 'node:events';
import type { Journal, StreamEnd } from '@kbisect/coordinator/journal/journal';
import type { Snapshots } from '@kbisect/coordinator/journal/snapshots';
import { decodeEvent, encodeEvent } from '@kbisect/coordinator/journal/stored-events';
import { KbisectError } from '@kbisect/shared/errors';
import type { JobEvent } from '@kbisect/shared/gen/kbisect/v1/job';
import type { JobId } from '@kbisect/shared/ids';
import type { Chance } from './chance.js';
import type { Life, VirtualTime } from './virtual-time.js';

/** How often an append goes wrong, each in [0, 1). */
export interface DiskFaults {
  readonly writeMs: number;
  /** It is written, but its writer is told of an error. */
  readonly torn: number;
}

/** What survives the coordinator: the events of each job that have become durable. */
export class Disk {
  readonly #streams = new Map<JobId, Buffer[]>();
  /** While it is full every append is refused. */
  full = false;

  /** Whose term it is: of others nothing is taken. None before the first. */
  writer: SimulatedJournal | undefined;

  /** They survive the coordinator, too. */
  readonly snapshots = new SimulatedSnapshots();

  constructor(
    readonly time: VirtualTime,
    readonly chance: Chance,
    public faults: DiskFaults,
    /** Sees what becomes durable, in that order. */
    readonly onDurable: (job: JobId, events: readonly JobEvent[]) => void,
  ) {}

  /** The journal as a process of that life has it open. */
  open(life: Life): SimulatedJournal {
    return new SimulatedJournal(this, life);
  }

  get jobs(): JobId[] {
    return [...this.#streams.keys()].sort();
  }

  read(job: JobId, from = 0): JobEvent[] {
    return (this.#streams.get(job) ?? []).slice(from).map((bytes) => decodeEvent(job, bytes));
  }

  version(job: JobId): number {
    return this.#streams.get(job)?.length ?? 0;
  }

  write(job: JobId, encoded: readonly Buffer[]): void {
    this.#streams.set(job, [...(this.#streams.get(job) ?? []), ...encoded]);
    this.onDurable(
      job,
      encoded.map((bytes) => decodeEvent(job, bytes)),
    );
  }
}

/**
 * A journal on a simulated disk. What its process has handed over when it dies may still become durable (the bytes were
 * on their way), but nobody is told.
 */
export class SimulatedJournal implements Journal {
  readonly #appended = new EventEmitter().setMaxListeners(0);

  constructor(
    private readonly disk: Disk,
    private readonly life: Life,
  ) {}

  append(job: JobId, expectedVersion: number, events: readonly JobEvent[]): Promise<void> {
    const { time, chance, faults } = this.disk;
    const encoded = events.map(encodeEvent);
    return new Promise((resolve, reject) => {
      const answer = (settle: () => void) => this.life.after(faults.writeMs * chance.between(0, 1), settle);
      const write = () => {
        if (this.disk.full) {
          answer(() => reject(new KbisectError('resource-exhausted', 'no space left')));
          return;
        }
        if (this.disk.writer !== undefined && this.disk.writer !== this) {
          answer(() => reject(new KbisectError('failed-precondition', 'another term has begun')));
          return;
        }
        const version = this.disk.version(job);
        if (version !== expectedVersion) {
          const found = `job ${job} has ${version} events, not ${expectedVersion}`;
          answer(() => reject(new KbisectError('failed-precondition', found)));
          return;
        }
        this.disk.write(job, encoded);
        if (chance.happens(faults.torn)) answer(() => reject(new KbisectError('unavailable', 'no answer')));
        else answer(resolve);
        this.#appended.emit(job);
      };
      time.after(faults.writeMs * chance.between(0.2, 2), () => {
        if (!this.life.ended) write();
        // To a store on another machine it may come long after its sender has died, and after another's term has begun.
        else if (chance.happens(0.5)) time.after(chance.between(0, 30_000), write);
      });
    });
  }

  read(job: JobId, from?: number): Promise<JobEvent[]> {
    return Promise.resolve(this.disk.read(job, from));
  }

  async *subscribe(job: JobId, signal: AbortSignal): AsyncIterable<readonly JobEvent[]> {
    for (let position = 0; !signal.aborted;) {
      const events = this.disk.read(job, position);
      position += events.length;
      if (events.length > 0) yield events;
      else await once(this.#appended, job, { signal }).catch(() => undefined);
    }
  }

  async *readAll(jobs?: ReadonlySet<JobId>): AsyncIterable<readonly [JobId, JobEvent[]]> {
    for (const job of this.disk.jobs) if (jobs?.has(job) !== false) yield [job, await this.read(job)];
  }

  async *ends(): AsyncIterable<StreamEnd> {
    for (const job of this.disk.jobs) {
      const events = await this.read(job);
      yield { job, version: events.length, last: events.at(-1)! };
    }
  }

  fence(): Promise<void> {
    this.disk.writer = this;
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** Snapshots on a simulated disk. */
class SimulatedSnapshots implements Snapshots {
  readonly #kept = new Map<JobId, Uint8Array>();

  put(job: JobId, snapshot: Uint8Array): Promise<void> {
    this.#kept.set(job, snapshot);
    return Promise.resolve();
  }

  async *readAll(): AsyncIterable<readonly [JobId, Uint8Array]> {
    yield* await Promise.resolve([...this.#kept]);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
