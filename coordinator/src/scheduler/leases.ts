import { LeaseEnd } from '@kbisect/shared/gen/kbisect/v1/job';
import { Progress_Phase, type LeaseRef } from '@kbisect/shared/gen/kbisect/v1/session';
import { leaseId, type AgentName, type CommitId, type JobId, type LeaseId } from '@kbisect/shared/ids';
import type { BuildForecast } from '../classes/prediction.js';
import type { JobLease } from './job-leases.js';
import type { Job } from './job.js';
import type { WantedTest } from './job-tests.js';
import type { Recorder } from './output.js';
import type { Timing } from './timing.js';

/** A lease as the scheduler watches over it. */
export interface Lease {
  readonly id: LeaseId;
  readonly epoch: number;
  readonly job: JobId;
  readonly commit: CommitId;
  readonly agent: AgentName;
  accepted: boolean;
  /** Milliseconds since the epoch; a heartbeat moves it. */
  deadline: number;
  /** When something of it moved last. */
  movedAt: number;
  phase: Progress_Phase;
  fraction: number;
  /** What its task is expected to take, in seconds; 0 when not known. */
  readonly expectedSeconds: number;
}

/** A lease with its job, live or withdrawn. */
export interface KnownLease {
  readonly job: Job;
  readonly lease: JobLease;
}

/** All leases that are live, of all jobs: granted, prolonged, and ended. */
export class Leases {
  readonly live = new Map<LeaseId, Lease>();
  /** How many of them each agent has. */
  readonly #held = new Map<AgentName, number>();
  /** The jobs of leases whose results count: of the live ones, and of those that were withdrawn while their job runs. */
  readonly #jobOf = new Map<LeaseId, Job>();
  #epoch = 0;

  /** @param newId gives an id that was never given before */
  constructor(
    private readonly jobs: ReadonlyMap<JobId, Job>,
    private readonly timing: Timing,
    private readonly newId: () => string,
    private readonly recorder: Recorder,
  ) {}

  /** Takes over the leases of a job that was replayed: their agents are given time to come back. */
  replayed(job: Job, now: number): void {
    this.past(job.leases.lastEpoch);
    if (job.over) return;
    for (const { id } of job.leases.known) this.#jobOf.set(id, job);
    for (const lease of job.leases.live) this.#watchOver(lease, job, now, true);
  }

  /** Gives no epoch again that a job has had which is over. */
  past(lastEpoch: number): void {
    this.#epoch = Math.max(this.#epoch, lastEpoch);
  }

  /** @param forecast what the task is expected to take */
  grant(
    job: Job,
    { commit, audit, fixups, doubles, check }: WantedTest,
    agent: AgentName,
    trials: number,
    forecast: BuildForecast,
    now: number,
  ): LeaseRef {
    const id = leaseId(this.newId());
    const epoch = ++this.#epoch;
    const expected = { expectedObjects: forecast.objects, expectedSeconds: forecast.seconds };
    const picked = fixups.length === 0 ? {} : { fixups: { commits: [...fixups] } };
    const value = {
      lease: id,
      epoch,
      commit,
      agent,
      trials,
      ...expected,
      audit,
      doubles,
      check: check?.check,
      ...picked,
    };
    this.recorder.record(job, { $case: 'leased', value }, now);
    const granted = job.leases.get(id);
    if (granted) this.#watchOver(granted, job, now, false);
    return { lease: id, epoch };
  }

  /** The lease, if this agent holds it in this epoch. */
  held(agent: AgentName, ref: LeaseRef | undefined): Lease | undefined {
    const lease = ref && this.live.get(leaseId(ref.lease));
    return lease?.agent === agent && lease.epoch === ref?.epoch ? lease : undefined;
  }

  /** The lease as its job knows it, live or withdrawn, if this agent held it in this epoch. */
  known(agent: AgentName, ref: LeaseRef): KnownLease | undefined {
    const id = leaseId(ref.lease);
    const job = this.#jobOf.get(id);
    const lease = job?.leases.get(id);
    return job && lease?.agent === agent && lease.epoch === ref.epoch ? { job, lease } : undefined;
  }

  /** How many live leases an agent has. */
  heldBy(agent: AgentName): number {
    return this.#held.get(agent) ?? 0;
  }

  /** Its agent has said that it works on it. */
  prolong(lease: Lease, now: number): void {
    lease.accepted = true;
    lease.deadline = now + this.timing.leaseMs;
  }

  expire(now: number): void {
    for (const lease of this.live.values()) {
      if (this.#stalled(lease, now)) {
        this.#endAndTell(
          lease,
          LeaseEnd.LEASE_END_EXPIRED,
          'the agent was heard of, but its work stands still',
          now,
        );
      } else if (lease.deadline <= now && lease.accepted) {
        this.release(lease, LeaseEnd.LEASE_END_EXPIRED, 'the agent was not heard of', now);
      } else if (lease.deadline <= now) {
        this.withdraw(lease, 'the offer was not accepted', now);
      }
    }
  }

  /** Ends all leases of a job that is about to be over. */
  withdrawAll(job: Job, now: number): void {
    for (const { id, toldAll } of job.leases.live) {
      const lease = this.live.get(id);
      if (lease && toldAll) this.release(lease, LeaseEnd.LEASE_END_DONE, '', now);
      else if (lease) this.withdraw(lease, 'the job is over', now);
    }
    for (const { id } of job.leases.known) this.#jobOf.delete(id);
  }

  withdraw(lease: Lease, detail: string, now: number): void {
    this.#endAndTell(lease, LeaseEnd.LEASE_END_WITHDRAWN, detail, now);
  }

  release(lease: Lease, reason: LeaseEnd, detail: string, now: number): void {
    if (this.live.delete(lease.id)) this.#held.set(lease.agent, this.heldBy(lease.agent) - 1);
    if (reason !== LeaseEnd.LEASE_END_WITHDRAWN) this.#jobOf.delete(lease.id);
    const job = this.jobs.get(lease.job);
    if (job) {
      this.recorder.record(job, { $case: 'leaseEnded', value: { lease: lease.id, reason, detail } }, now);
    }
  }

  #endAndTell(lease: Lease, reason: LeaseEnd, detail: string, now: number): void {
    this.release(lease, reason, detail, now);
    const { id, epoch, agent } = lease;
    this.recorder.ask({ kind: 'withdraw', agent, lease: { lease: id, epoch } });
  }

  /** A trial may be silent for as long as it may last. */
  #stalled({ movedAt, job }: Lease, now: number): boolean {
    const timeoutMs = 1000 * (this.jobs.get(job)?.spec.timeoutSeconds ?? 0);
    return now - movedAt > this.timing.stallMs + timeoutMs;
  }

  #watchOver(granted: JobLease, job: Job, now: number, accepted: boolean): void {
    this.#jobOf.set(granted.id, job);
    const { id, epoch, commit, agent, expectedSeconds } = granted;
    const deadline = now + (accepted ? this.timing.leaseMs : this.timing.acceptMs);
    const phase = Progress_Phase.PHASE_UNSPECIFIED;
    this.#held.set(agent, this.heldBy(agent) + 1);
    this.live.set(id, {
      id,
      epoch,
      job: job.id,
      commit,
      agent,
      accepted,
      deadline,
      movedAt: now,
      phase,
      fraction: 0,
      expectedSeconds,
    });
  }
}
