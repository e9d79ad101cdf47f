import { CheckResult, LeaseEnd, Verdict } from '@kbisect/shared/gen/kbisect/v1/job';
import type { BuildResult, LeaseRef, TaskResult, TrialResult } from '@kbisect/shared/gen/kbisect/v1/session';
import type { AgentName } from '@kbisect/shared/ids';
import type { Agent } from './agents.js';
import type { Fact } from './facts.js';
import type { Job } from './job.js';
import type { KnownLease, Leases } from './leases.js';
import type { Recorder } from './output.js';
import type { Timing } from './timing.js';

/** Takes in what agents send of their leases, each result once, and acknowledges it. */
export class Results {
  constructor(
    private readonly agents: ReadonlyMap<AgentName, Agent>,
    private readonly leases: Leases,
    private readonly timing: Timing,
    private readonly recorder: Recorder,
  ) {}

  built(agent: AgentName, { seq, lease, ...value }: BuildResult, now: number): void {
    this.#result(agent, lease, seq, { $case: 'built', value: { ...value, lease: lease?.lease ?? '' } }, now);
  }

  tried(agent: AgentName, { seq, lease, ...value }: TrialResult, now: number): void {
    this.#result(agent, lease, seq, { $case: 'tried', value: { ...value, lease: lease?.lease ?? '' } }, now);
  }

  /** Gives the reason if an agent has found that the job cannot go on, and which job it is. */
  taskEnded(agent: AgentName, result: TaskResult, now: number): { job: Job; refused: string } | undefined {
    if (result.lease === undefined) return undefined;
    const known = this.leases.known(agent, result.lease);
    // The end is taken when all that came before it is there.
    const whole = known === undefined || result.seq <= known.lease.received;
    this.#acknowledge(agent, result.lease, result.seq, whole ? undefined : known);
    const lease = this.leases.held(agent, result.lease);
    if (!whole || !lease || !known) return undefined;
    switch (result.end?.$case) {
      case 'done':
        this.leases.release(lease, LeaseEnd.LEASE_END_DONE, '', now);
        return undefined;
      case 'withdrawn':
        this.leases.release(lease, LeaseEnd.LEASE_END_WITHDRAWN, '', now);
        return undefined;
      case 'refused':
        this.leases.release(lease, LeaseEnd.LEASE_END_DONE, '', now);
        return this.#refused(known, result.end.value.reason, now);
      case 'failed':
      case undefined: {
        const { reason = 'no reason given', unfit = false } = result.end?.value ?? {};
        this.agents.get(agent)?.failed(reason, now, this.timing);
        this.leases.release(
          lease,
          unfit ? LeaseEnd.LEASE_END_UNFIT : LeaseEnd.LEASE_END_RETURNED,
          reason,
          now,
        );
        return undefined;
      }
    }
  }

  /** What cannot be tested ends its job; a check that cannot be done, as of a branch that lacks a symbol, ends itself. */
  #refused(
    { job, lease }: KnownLease,
    refused: string,
    now: number,
  ): { job: Job; refused: string } | undefined {
    const { check } = lease;
    if (check === undefined) return { job, refused };
    const result = CheckResult.CHECK_RESULT_NOT_POSSIBLE;
    const value = { check, result, detail: refused, verdict: Verdict.VERDICT_SKIP };
    if (job.certificate.isOpen(check)) this.recorder.record(job, { $case: 'checked', value }, now);
    return undefined;
  }

  /**
   * A build's or a trial's result. Each counts once: results of a lease are numbered. One of a withdrawn lease
   * still counts while its job runs, as it is true all the same; one of any other lease that is over does not.
   */
  #result(agent: AgentName, ref: LeaseRef | undefined, seq: number, fact: Fact, now: number): void {
    if (ref === undefined) return;
    const found = this.leases.known(agent, ref);
    if (found && seq === found.lease.received && !found.job.over) {
      this.recorder.record(found.job, fact, now);
      const live = this.leases.held(agent, ref);
      if (live) live.movedAt = now;
      this.agents.get(agent)?.succeeded();
    }
    this.#acknowledge(agent, ref, seq, found);
  }

  /** Of a lease that still counts nothing is acknowledged that has not come; whatever is left of another one is dropped. */
  #acknowledge(agent: AgentName, lease: LeaseRef, seq: number, known: KnownLease | undefined): void {
    const upTo = known && !known.job.over ? Math.min(seq, known.lease.received - 1) : seq;
    if (upTo >= 0) this.recorder.ask({ kind: 'acknowledge', agent, lease, seq: upTo });
  }
}
