import { LeaseEnd } from '@kbisect/shared/gen/kbisect/v1/job';
import { commitId, leaseId, type AgentName, type CommitId, type LeaseId } from '@kbisect/shared/ids';
import type { FactOf } from './facts.js';

/** A lease as its job sees it: until it ends, and afterwards when it was withdrawn and a result may be under way. */
export interface JobLease {
  readonly id: LeaseId;
  readonly epoch: number;
  readonly commit: CommitId;
  readonly agent: AgentName;
  /** Only its image is wanted, to be compared with what was predicted. */
  readonly audit: boolean;
  readonly expectedSeconds: number;
  /** What is cherry-picked before the build. */
  readonly fixups: readonly CommitId[];
  readonly grantedAt: Date;
  /** The straggler beside which it runs. */
  readonly doubles: LeaseId | undefined;
  /** The check that it is for, by its place among those of the job; its result is not the search's. */
  readonly check: number | undefined;
  /** How often the commit is to be tried. */
  readonly trials: number;
  /** How many results of it are in the journal, and how many of them are trials. */
  received: number;
  tried: number;
  /** Nothing more is to come of it but its end. */
  toldAll: boolean;
  state: 'live' | 'withdrawn';
}

/** The leases of one job, as its journal has them. */
export class JobLeases {
  readonly #leases = new Map<LeaseId, JobLease>();
  readonly #live = new Set<JobLease>();
  /** Stragglers that the lease beside them has outdone. */
  readonly #outdone = new Set<LeaseId>();
  /** The highest epoch that was given. */
  lastEpoch = 0;
  /** Milliseconds that the longest task took which was done; 0 before the first. */
  longestMs = 0;
  /** When the last of them ended that has. */
  lastEndedAt: Date | undefined;

  get live(): JobLease[] {
    return [...this.#live];
  }

  /** The live ones and the withdrawn ones. */
  get known(): Iterable<JobLease> {
    return this.#leases.values();
  }

  get liveCount(): number {
    return this.#live.size;
  }

  get(id: LeaseId): JobLease | undefined {
    return this.#leases.get(id);
  }

  granted({ value }: FactOf<'leased'>, grantedAt: Date): void {
    const lease: JobLease = {
      id: leaseId(value.lease),
      epoch: value.epoch,
      commit: commitId(value.commit),
      agent: value.agent as AgentName,
      trials: value.trials,
      audit: value.audit,
      expectedSeconds: value.expectedSeconds,
      fixups: value.fixups?.commits.map(commitId) ?? [],
      grantedAt,
      doubles: value.doubles ? leaseId(value.doubles) : undefined,
      check: value.check,
      received: 0,
      tried: 0,
      toldAll: false,
      state: 'live',
    };
    this.#leases.set(lease.id, lease);
    this.#live.add(lease);
    this.lastEpoch = Math.max(this.lastEpoch, lease.epoch);
  }

  built({ value }: FactOf<'built'>): void {
    const known = this.#leases.get(leaseId(value.lease));
    if (known === undefined) return;
    known.received += 1;
    known.toldAll = known.audit || value.image === undefined;
  }

  tried({ value }: FactOf<'tried'>): void {
    const known = this.#leases.get(leaseId(value.lease));
    if (known === undefined) return;
    known.received += 1;
    known.tried += 1;
    known.toldAll = known.tried >= known.trials;
  }

  /** Forgets them: the job is over. */
  release(): void {
    this.#leases.clear();
    this.#live.clear();
    this.#outdone.clear();
  }

  /** Whether another has told by now what this one was to tell. */
  isOutdone(id: LeaseId): boolean {
    return this.#outdone.has(id);
  }

  /** Gives the lease if its agent has failed to do the task, and it may be the task's fault. */
  ended({ value }: FactOf<'leaseEnded'>, at: Date): JobLease | undefined {
    const id = leaseId(value.lease);
    const lease = this.#leases.get(id);
    if (lease === undefined) return undefined;
    this.#live.delete(lease);
    this.lastEndedAt = at;
    if (value.reason === LeaseEnd.LEASE_END_WITHDRAWN) lease.state = 'withdrawn';
    else this.#leases.delete(id);
    switch (value.reason) {
      case LeaseEnd.LEASE_END_EXPIRED:
      case LeaseEnd.LEASE_END_RETURNED:
        return lease;
      case LeaseEnd.LEASE_END_DONE:
        if (lease.doubles) this.#outdone.add(lease.doubles);
        this.longestMs = Math.max(this.longestMs, at.getTime() - lease.grantedAt.getTime());
        return undefined;
      case LeaseEnd.LEASE_END_UNFIT:
      case LeaseEnd.LEASE_END_WITHDRAWN:
      case LeaseEnd.LEASE_END_UNSPECIFIED:
        return undefined;
    }
  }
}
