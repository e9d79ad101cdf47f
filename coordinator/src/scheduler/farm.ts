import { JobState, LeaseEnd, type JobEvent, type JobSpec } from '@kbisect/shared/gen/kbisect/v1/job';
import type {
  BuildResult,
  Hello,
  LeaseRef,
  Progress,
  Task,
  TaskResult,
  TrialResult,
} from '@kbisect/shared/gen/kbisect/v1/session';
import { Progress_Phase } from '@kbisect/shared/gen/kbisect/v1/session';
import { KbisectError } from '@kbisect/shared/errors';
import { leaseId, type AgentName, type CommitId, type JobId, type LeaseId } from '@kbisect/shared/ids';
import { Agent, type Lease } from './agents.js';
import { Job, type Fact, type JobLease, type Range } from './job.js';
import { fairShares } from './shares.js';
import type { Timing } from './timing.js';

/** What the scheduler is told. */
export type Input =
  | { kind: 'submit'; job: JobId; spec: JobSpec }
  | { kind: 'range'; job: JobId; range: Range }
  | { kind: 'range-unreadable'; job: JobId; reason: string }
  | { kind: 'cancel'; job: JobId }
  | { kind: 'hello'; hello: Hello }
  | { kind: 'gone'; agent: AgentName; incarnation: string }
  | { kind: 'drain'; agent: AgentName }
  | { kind: 'heartbeat'; agent: AgentName; leases: readonly LeaseRef[] }
  | { kind: 'accept'; agent: AgentName; lease: LeaseRef }
  | { kind: 'progress'; agent: AgentName; progress: Progress }
  | { kind: 'build'; agent: AgentName; result: BuildResult }
  | { kind: 'trial'; agent: AgentName; result: TrialResult }
  | { kind: 'task'; agent: AgentName; result: TaskResult }
  | { kind: 'tick' };

/** What the scheduler asks for; it is done only when the events that came with it are durable. */
export type Effect =
  | { kind: 'read-range'; job: JobId; spec: JobSpec }
  | { kind: 'offer'; agent: AgentName; lease: LeaseRef; task: Task }
  | { kind: 'withdraw'; agent: AgentName; lease: LeaseRef }
  | { kind: 'acknowledge'; agent: AgentName; lease: LeaseRef; seq: number };

/** Events to be written, each list behind the job's `version` events, and what to do then. */
export interface Output {
  readonly appends: Map<JobId, { expectedVersion: number; events: JobEvent[] }>;
  readonly effects: Effect[];
}

/**
 * The scheduler: jobs, agents and leases. It does no I/O and reads no clock: inputs go in with the time they
 * came at, events and effects come out.
 */
export class Farm {
  readonly jobs = new Map<JobId, Job>();
  readonly agents = new Map<AgentName, Agent>();
  readonly leases = new Map<LeaseId, Lease>();
  #epoch = 0;
  #output: Output = emptyOutput();

  /** @param newId gives an id that was never given before */
  constructor(
    private readonly timing: Timing,
    private readonly newId: () => string,
  ) {}

  /** Takes in a job as the journal has it. To be called before any input, once for each job. */
  replay(id: JobId, events: readonly JobEvent[], now: number): void {
    const [first, ...rest] = events;
    if (first?.fact?.$case !== 'submitted' || first.fact.value.spec === undefined) {
      throw new KbisectError('data-loss', `the journal of job ${id} does not begin with its submission`);
    }
    const job = new Job(id, first.fact.value.spec, first.at ?? new Date(0));
    job.apply(first);
    for (const event of rest) {
      job.apply(event);
      if (event.fact?.$case === 'leased') this.#epoch = Math.max(this.#epoch, event.fact.value.epoch);
    }
    this.jobs.set(id, job);
    if (job.over) return;
    for (const lease of job.liveLeases) this.#watchOver(lease, id, now, true);
  }

  /** What is to be done after a replay: the ranges of jobs that are not over are read again. */
  resume(): Effect[] {
    return [...this.jobs.values()]
      .filter((job) => !job.over)
      .map((job) => ({ kind: 'read-range', job: job.id, spec: job.spec }));
  }

  /**
   * Takes in one input.
   * @param now milliseconds since the epoch
   * @throws KbisectError when the input's sender is to be told that it is wrong; nothing has changed then
   */
  handle(input: Input, now: number): Output {
    this.#output = emptyOutput();
    this.#take(input, now);
    for (const id of this.#output.appends.keys()) this.#advance(this.#job(id), now);
    this.#plan(now);
    return this.#output;
  }

  #take(input: Input, now: number): void {
    switch (input.kind) {
      case 'submit': {
        if (this.jobs.has(input.job))
          throw new KbisectError('failed-precondition', `there is a job ${input.job}`);
        const job = new Job(input.job, input.spec, new Date(now));
        this.jobs.set(job.id, job);
        this.#record(job, { $case: 'submitted', value: { job: job.id, spec: input.spec } }, now);
        this.#output.effects.push({ kind: 'read-range', job: job.id, spec: input.spec });
        return;
      }
      case 'range': {
        const job = this.#job(input.job);
        if (job.over) return;
        job.attach(input.range);
        this.#advance(job, now);
        return;
      }
      case 'range-unreadable':
        this.#end(this.#job(input.job), JobState.JOB_STATE_ABORTED, input.reason, now);
        return;
      case 'cancel':
        this.#end(this.#job(input.job), JobState.JOB_STATE_CANCELLED, 'cancelled by its owner', now);
        return;
      case 'hello':
        this.#hello(input.hello, now);
        return;
      case 'gone': {
        const agent = this.agents.get(input.agent);
        if (agent?.incarnation === input.incarnation) agent.connected = false;
        return;
      }
      case 'drain': {
        const agent = this.agents.get(input.agent);
        if (agent) agent.draining = true;
        return;
      }
      case 'heartbeat':
        for (const ref of input.leases) {
          const lease = this.#held(input.agent, ref);
          if (lease) lease.deadline = now + this.timing.leaseMs;
          else this.#output.effects.push({ kind: 'withdraw', agent: input.agent, lease: ref });
        }
        return;
      case 'accept': {
        const lease = this.#held(input.agent, input.lease);
        if (lease) {
          lease.accepted = true;
          lease.deadline = now + this.timing.leaseMs;
        }
        return;
      }
      case 'progress': {
        const lease = this.#held(input.agent, input.progress.lease);
        if (lease) Object.assign(lease, { phase: input.progress.phase, fraction: input.progress.fraction });
        return;
      }
      case 'build': {
        const { seq, lease: ref, ...value } = input.result;
        this.#result(
          input.agent,
          ref,
          seq,
          { $case: 'built', value: { ...value, lease: ref?.lease ?? '' } },
          now,
        );
        return;
      }
      case 'trial': {
        const { seq, lease: ref, ...value } = input.result;
        this.#result(
          input.agent,
          ref,
          seq,
          { $case: 'tried', value: { ...value, lease: ref?.lease ?? '' } },
          now,
        );
        return;
      }
      case 'task':
        this.#taskEnded(input.agent, input.result, now);
        return;
      case 'tick':
        this.#expire(now);
        return;
    }
  }

  #hello(hello: Hello, now: number): void {
    const agent = new Agent(hello);
    const known = this.agents.get(agent.name);
    if (known?.connected && known.incarnation !== agent.incarnation) {
      throw new KbisectError(
        'failed-precondition',
        `an agent named ${agent.name} is connected already; give this one another --name`,
      );
    }
    this.agents.set(agent.name, agent);
    const has = new Set(hello.leases.map((ref) => ref.lease));
    for (const lease of this.leases.values()) {
      if (lease.agent !== agent.name) continue;
      if (has.has(lease.id)) {
        lease.accepted = true;
        lease.deadline = now + this.timing.leaseMs;
      } else if (known?.incarnation === agent.incarnation) {
        this.#release(lease, LeaseEnd.LEASE_END_WITHDRAWN, 'the offer was lost on its way', now);
      } else {
        this.#release(lease, LeaseEnd.LEASE_END_EXPIRED, 'the agent was started anew', now);
      }
    }
    for (const ref of hello.leases) {
      if (!this.#held(agent.name, ref)) {
        this.#output.effects.push({ kind: 'withdraw', agent: agent.name, lease: ref });
      }
    }
  }

  /**
   * A build's or a trial's result. Each counts once: results of a lease are numbered. One of a withdrawn lease
   * still counts while its job runs, as it is true all the same; one of any other lease that is over does not.
   */
  #result(agent: AgentName, ref: LeaseRef | undefined, seq: number, fact: Fact, now: number): void {
    if (ref === undefined) return;
    const found = this.#jobLease(agent, ref);
    if (found && seq === found.lease.received && !found.job.over) {
      this.#record(found.job, fact, now);
      this.agents.get(agent)?.succeeded();
    }
    this.#output.effects.push({ kind: 'acknowledge', agent, lease: ref, seq });
  }

  #taskEnded(agent: AgentName, result: TaskResult, now: number): void {
    if (result.lease === undefined) return;
    const lease = this.#held(agent, result.lease);
    const job = lease && this.jobs.get(lease.job);
    if (lease && job) {
      switch (result.end?.$case) {
        case 'done':
          this.#release(lease, LeaseEnd.LEASE_END_DONE, '', now);
          break;
        case 'withdrawn':
          this.#release(lease, LeaseEnd.LEASE_END_WITHDRAWN, '', now);
          break;
        case 'refused':
          this.#release(lease, LeaseEnd.LEASE_END_DONE, '', now);
          this.#end(job, JobState.JOB_STATE_ABORTED, result.end.value.reason, now);
          break;
        case 'failed':
        case undefined:
          this.agents.get(agent)?.failed(now, this.timing);
          this.#release(
            lease,
            LeaseEnd.LEASE_END_RETURNED,
            result.end?.value.reason ?? 'no reason given',
            now,
          );
          break;
      }
    }
    this.#output.effects.push({ kind: 'acknowledge', agent, lease: result.lease, seq: result.seq });
  }

  #expire(now: number): void {
    for (const lease of this.leases.values()) {
      if (lease.deadline > now) continue;
      if (lease.accepted) this.#release(lease, LeaseEnd.LEASE_END_EXPIRED, 'the agent was not heard of', now);
      else this.#withdraw(lease, 'the offer was not accepted', now);
    }
  }

  /** Writes down every fact that follows from the known ones. */
  #advance(job: Job, now: number): void {
    for (let fact = job.next(); fact !== undefined; fact = job.next()) {
      if (fact.$case === 'ended') this.#withdrawAll(job, now);
      this.#record(job, fact, now);
    }
  }

  #end(job: Job, state: JobState, reason: string, now: number): void {
    if (job.over) return;
    this.#withdrawAll(job, now);
    this.#record(job, { $case: 'ended', value: { state, reason, culprit: '', candidates: [] } }, now);
  }

  /** Withdraws what can teach nothing more and fills the free slots. */
  #plan(now: number): void {
    const running = [...this.jobs.values()].filter((job) => !job.over && job.attached);
    for (const job of running) {
      for (const { id } of job.futile()) {
        const lease = this.leases.get(id);
        if (lease) this.#withdraw(lease, 'its result can teach nothing more', now);
      }
    }
    let hungry = running;
    while (hungry.length > 0) {
      const free = this.#freeSlots(now);
      const slots = [...free.values()].reduce((sum, n) => sum + n, 0);
      if (slots === 0) return;
      const claims = hungry.map((job) => ({ job, held: job.liveLeases.length }));
      const shares = fairShares(claims, slots);
      hungry = hungry.filter((job) => {
        const share = shares.get(job) ?? 0;
        const given = job.wanted(share).filter((commit) => this.#lease(job, commit, free, now)).length;
        return share === 0 || (given > 0 && given === share);
      });
    }
  }

  #freeSlots(now: number): Map<Agent, number> {
    const free = new Map<Agent, number>();
    for (const agent of this.agents.values()) if (agent.accepts(now)) free.set(agent, agent.slots);
    for (const lease of this.leases.values()) {
      const agent = this.agents.get(lease.agent);
      const slots = agent && free.get(agent);
      if (agent && slots !== undefined) free.set(agent, slots - 1);
    }
    for (const [agent, slots] of free) if (slots <= 0) free.delete(agent);
    return free;
  }

  /** Leases a commit to the best free agent; false when there is none for it. */
  #lease(job: Job, commit: CommitId, free: Map<Agent, number>, now: number): boolean {
    const { spec } = job;
    const failedOn = job.evidence.get(commit)?.failedOn ?? [];
    const agent = [...free.keys()]
      .filter((candidate) => candidate.canDo(spec.test))
      .map((candidate) => ({
        candidate,
        failed: failedOn.includes(candidate.name) ? 1 : 0,
        distance: distance(job, candidate.lastCommit.get(job.id), commit),
      }))
      .sort((a, b) => a.failed - b.failed || a.distance - b.distance)[0]?.candidate;
    if (agent === undefined) return false;

    const slots = (free.get(agent) ?? 1) - 1;
    if (slots === 0) free.delete(agent);
    else free.set(agent, slots);

    const id = leaseId(this.newId());
    const epoch = ++this.#epoch;
    this.#record(job, { $case: 'leased', value: { lease: id, epoch, commit, agent: agent.name } }, now);
    const granted = job.leases.get(id);
    if (granted) this.#watchOver(granted, job.id, now, false);
    agent.lastCommit.set(job.id, commit);
    this.#output.effects.push({
      kind: 'offer',
      agent: agent.name,
      lease: { lease: id, epoch },
      task: {
        job: job.id,
        commit,
        trials: job.trialsLeft(commit),
        timeoutSeconds: spec.timeoutSeconds,
        test: spec.test,
      },
    });
    return true;
  }

  #watchOver(granted: JobLease, job: JobId, now: number, accepted: boolean): void {
    const { id, epoch, commit, agent } = granted;
    const deadline = now + (accepted ? this.timing.leaseMs : this.timing.acceptMs);
    const phase = Progress_Phase.PHASE_UNSPECIFIED;
    this.leases.set(id, { id, epoch, job, commit, agent, accepted, deadline, phase, fraction: 0 });
  }

  #withdrawAll(job: Job, now: number): void {
    for (const { id, commit } of job.liveLeases) {
      const lease = this.leases.get(id);
      if (lease && job.isTested(commit)) this.#release(lease, LeaseEnd.LEASE_END_DONE, '', now);
      else if (lease) this.#withdraw(lease, 'the job is over', now);
    }
  }

  #withdraw(lease: Lease, detail: string, now: number): void {
    this.#release(lease, LeaseEnd.LEASE_END_WITHDRAWN, detail, now);
    const { id, epoch, agent } = lease;
    this.#output.effects.push({ kind: 'withdraw', agent, lease: { lease: id, epoch } });
  }

  #release(lease: Lease, reason: LeaseEnd, detail: string, now: number): void {
    this.leases.delete(lease.id);
    const job = this.jobs.get(lease.job);
    if (job) this.#record(job, { $case: 'leaseEnded', value: { lease: lease.id, reason, detail } }, now);
  }

  #record(job: Job, fact: Fact, now: number): void {
    let append = this.#output.appends.get(job.id);
    if (append === undefined) {
      this.#output.appends.set(job.id, (append = { expectedVersion: job.version, events: [] }));
    }
    const event: JobEvent = { at: new Date(now), fact };
    job.apply(event);
    append.events.push(event);
  }

  #job(id: JobId): Job {
    const job = this.jobs.get(id);
    if (job === undefined) throw new KbisectError('not-found', `there is no job ${id}; see 'kbisect jobs'`);
    return job;
  }

  /** The lease, if this agent holds it in this epoch. */
  #held(agent: AgentName, ref: LeaseRef | undefined): Lease | undefined {
    const lease = ref && this.leases.get(leaseId(ref.lease));
    return lease?.agent === agent && lease.epoch === ref?.epoch ? lease : undefined;
  }

  /** The lease as its job knows it, live or withdrawn, if this agent held it in this epoch. */
  #jobLease(agent: AgentName, ref: LeaseRef): { job: Job; lease: JobLease } | undefined {
    const id = leaseId(ref.lease);
    const live = this.leases.get(id);
    const job = live ? this.jobs.get(live.job) : [...this.jobs.values()].find(({ leases }) => leases.has(id));
    const lease = job?.leases.get(id);
    return job && lease?.agent === agent && lease.epoch === ref.epoch ? { job, lease } : undefined;
  }
}

/** How far an agent's worktree is from a commit, in commits of the range; an agent without one is farthest. */
function distance(job: Job, from: CommitId | undefined, to: CommitId): number {
  if (from === undefined) return Number.MAX_SAFE_INTEGER;
  // The old end lies just before the range.
  return Math.abs((job.position(from) ?? -1) - (job.position(to) ?? -1));
}

function emptyOutput(): Output {
  return { appends: new Map(), effects: [] };
}
