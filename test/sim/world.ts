import { pino } from 'pino';
import type { CommitGraph } from '@kbisect/coordinator/search/graph';
import { DEFAULT_TIMING } from '@kbisect/coordinator/scheduler/timing';
import { KbisectError, messageOf } from '@kbisect/shared/errors';
import { LeaseEnd } from '@kbisect/shared/gen/kbisect/v1/job';
import type { AgentMessage } from '@kbisect/shared/gen/kbisect/v1/session';
import type { JobId } from '@kbisect/shared/ids';
import type { Line } from '@kbisect/agent/session/session';
import { Chance } from './chance.js';
import { Disk } from './disk.js';
import { Headquarters } from './headquarters.js';
import { Invariants, Violation } from './invariants.js';
import { Machine } from './machine.js';
import { SOUND, type Mutant } from './mutants.js';
import { Network } from './network.js';
import { drawPlan, type FaultPlan, type JobPlan, type Plan } from './plan.js';
import { describeDurable, describeSaid } from './trace.js';
import { VirtualTime } from './virtual-time.js';

const LOG = pino({ level: 'silent' });
const MINUTE = 60_000;
/** When faults are over a job has so long to end. */
const PATIENCE_MS = 4 * 60 * MINUTE;
/** Between the last job's end and the last look. */
const CALM_MS = MINUTE;
const PEACEFUL: FaultPlan = {
  agentCrash: Infinity,
  agentCut: Infinity,
  connectionReset: Infinity,
  agentDrain: Infinity,
  coordinatorCrash: Infinity,
  diskFull: Infinity,
  blobLost: Infinity,
  taskFails: 0,
  taskHangs: 0,
  duplicate: 0,
  overtake: 0,
  torn: 0,
  coordinatorDiesAtStep: 0,
};

/** What a world came to. */
export interface Ending {
  readonly virtualSeconds: number;
  readonly steps: number;
  readonly leases: number;
}

/** A whole farm under virtual time: the real coordinator and agents, with everything around them drawn from a seed. */
export class World {
  readonly time = new VirtualTime();
  readonly chance: Chance;
  readonly plan: Plan;
  readonly log = LOG;
  readonly invariants: Invariants;
  readonly disk: Disk;
  readonly network: Network;
  readonly headquarters = new Headquarters(this);
  readonly machines: Machine[];
  /** Commits whose image is in the cache. */
  readonly images = new Set<string>();
  faults: FaultPlan;
  readonly #lied = new Set<JobId>();
  #marks = 0;
  #ids = 0;
  #failure: unknown;
  /** When the journal was last able to be slow. */
  #diskTroubleUntil = 0;
  readonly #heard = new Map<string, number>();

  /** @param told gets each line of the trace */
  constructor(
    readonly seed: number,
    readonly mutant: Mutant = SOUND,
    private readonly told?: (line: string) => void,
  ) {
    const chance = (this.chance = new Chance(seed));
    const plan = (this.plan = drawPlan(chance, new Chance(~seed)));
    this.faults = plan.faults;
    this.invariants = new Invariants(plan);
    const { writeMs, latencyMs, faults } = plan;
    this.disk = new Disk(this.time, chance, { writeMs, torn: faults.torn }, (job, events) => {
      for (const event of events) this.trace(() => `  journal ${job}: ${describeDurable(event)}`);
      this.#guard(() => this.invariants.durable(job, events));
    });
    this.network = new Network(
      this.time,
      chance,
      { latencyMs, ...faults },
      {
        agentSays: (agent, message) => this.#guard(() => this.invariants.agentSays(agent, message)),
        coordinatorHears: (agent, message) => this.#heardFrom(agent, message),
        coordinatorSays: (agent, message) => {
          this.trace(() => `coordinator -> ${agent}: ${describeSaid(message)}`);
          this.#guard(() => this.invariants.coordinatorSays(agent, message));
        },
      },
    );
    this.machines = plan.agents.map((agent) => new Machine(this, agent));
  }

  get faulty(): boolean {
    return this.faults !== PEACEFUL;
  }

  trace(line: () => string): void {
    this.told?.(`${(this.time.now / 1000).toFixed(3).padStart(9)}  ${line()}`);
  }

  mark(): string {
    return `m${this.#marks++}`;
  }

  id(): string {
    return `l${this.#ids++}`;
  }

  jobPlan(id: string): JobPlan {
    const plan = this.plan.jobs.find((job) => job.id === id);
    if (plan === undefined) throw new Error(`no plan of job ${id}`);
    return plan;
  }

  /** Whether a trial of the commit that is made now lies; of a job's trials one does at most. */
  liesOf({ id, lie }: JobPlan, commit: string): boolean {
    if (commit !== lie || this.#lied.has(id)) return false;
    this.trace(() => `the trial of ${commit} LIES`);
    this.#lied.add(id);
    return true;
  }

  rangeOf(title: string): CommitGraph {
    const plan = this.plan.jobs.find(({ spec }) => spec.title === title);
    if (plan === undefined) throw new Error(`no plan of ${title}`);
    return plan.graph;
  }

  coordinatorOffset(): number {
    return this.chance.happens(0.3) ? this.chance.between(-300_000, 300_000) : 0;
  }

  connect(agent: string): Line {
    return this.network.connect(agent, (connection) => this.headquarters.accept(connection)).line;
  }

  /** A machine goes down by what it was doing, and comes back. */
  machineDies(machine: Machine): void {
    machine.crash();
    this.time.after(this.chance.between(500, this.faulty ? 40_000 : 1000), () => machine.start());
  }

  /** Takes a promise that must not fail. */
  own(promise: Promise<unknown>): void {
    promise.catch((error: unknown) => this.failed(error));
  }

  failed(error: unknown): void {
    this.#failure ??= error;
  }

  expectKbisectError(error: Error): void {
    const ours = error instanceof KbisectError || /cancelled|reset|ping/.test(error.message);
    if (!ours) throw error;
  }

  checkSlots(machine: Machine): void {
    const { name, slots } = machine.plan;
    const { running } = machine;
    if (running.length > slots) this.failed(new Violation(`${name} works on ${running.length} tasks`));
  }

  /**
   * Lets the world run until every job is over and all is calm.
   * @throws Violation when a promise was broken; anything else that went wrong
   */
  async run(): Promise<Ending> {
    this.headquarters.start();
    for (const machine of this.machines) this.time.after(this.chance.between(0, 5000), () => machine.start());
    for (const job of this.plan.jobs) this.#user(job);
    this.#faultsBegin();
    this.time.after(this.plan.peaceMs, () => this.#peace());
    let steps = 0;
    for (let calmAt = Infinity; this.time.now < calmAt; steps++) {
      await this.time.step();
      if (this.#failure) throw this.#failure as Error;
      this.#checkDeadlines();
      if (calmAt === Infinity && this.plan.jobs.every(({ id }) => this.invariants.isOver(id))) {
        if (this.faulty) this.#peace();
        calmAt = this.time.now + CALM_MS;
      }
      if (this.time.now > this.plan.peaceMs + PATIENCE_MS) break;
    }
    this.invariants.atEnd(this.machines.flatMap(({ running }) => running.map(({ commit }) => commit)));
    return { virtualSeconds: this.time.now / 1000, steps, leases: this.invariants.leasesGranted };
  }

  #user({ id, spec, submittedMs, cancelledMs }: JobPlan): void {
    const { headquarters } = this;
    const submit = async () => {
      await headquarters.request({ kind: 'submit', job: id, spec });
      this.trace(() => `${id} is submitted`);
      this.invariants.submitAcknowledged(id, this.disk.version(id));
      if (cancelledMs === undefined) return;
      await new Promise<void>((resolve) => this.time.after(cancelledMs - this.time.now, resolve));
      await headquarters.request({ kind: 'cancel', job: id });
      this.trace(() => `${id} is cancelled`);
      this.invariants.cancelAcknowledged(id);
      this.#checkFreed(id);
    };
    this.time.after(submittedMs, () => this.own(submit()));
  }

  /** A second after a cancel no agent that can be spoken to works on the job. */
  #checkFreed(job: JobId): void {
    const began = this.headquarters.dispatcher;
    const untouched = new Set(this.machines.filter(({ plan }) => this.network.stands(plan.name)));
    this.time.after(1000 + 4 * this.plan.latencyMs, () => {
      if (this.headquarters.dispatcher !== began) return;
      for (const machine of untouched) {
        const { name } = machine.plan;
        if (!this.network.stands(name)) continue;
        if (machine.running.some((task) => task.job === job)) {
          this.failed(new Violation(`${name} works on ${job} a second after its cancel`));
        }
      }
    });
  }

  #faultsBegin(): void {
    const { agentCrash, agentCut, connectionReset, agentDrain, coordinatorCrash, diskFull, blobLost } =
      this.faults;
    const { chance, network } = this;
    const anyone = () => chance.oneOf(this.machines);
    this.#every(agentCrash, () => {
      const machine = anyone();
      if (machine.up) this.machineDies(machine);
    });
    this.#every(agentCut, () => {
      const { name } = anyone().plan;
      const ms = chance.oneOf([2_000, 12_000, 40_000]) * chance.between(0.5, 1.5);
      this.trace(() => `${name} is CUT OFF for ${(ms / 1000).toFixed(1)} s`);
      network.cut(name, ms);
    });
    this.#every(connectionReset, () => {
      const { name } = anyone().plan;
      this.trace(() => `the connection of ${name} BREAKS`);
      network.reset(name);
    });
    this.#every(agentDrain, () => {
      const machine = anyone();
      machine.drain();
      this.time.after(chance.between(1000, 60_000), () => {
        if (machine.up) this.machineDies(machine);
      });
    });
    this.#every(coordinatorCrash, () => this.headquarters.crash('of itself'));
    this.#every(diskFull, () => {
      const ms = chance.between(100, 30_000);
      this.trace(() => `the journal's disk is FULL for ${(ms / 1000).toFixed(1)} s`);
      this.disk.full = true;
      this.#diskTroubleUntil = this.time.now + ms;
      this.time.after(ms, () => (this.disk.full = false));
    });
    this.#every(blobLost, () => {
      if (this.images.size === 0) return;
      const image = chance.oneOf([...this.images]);
      this.trace(() => `the image of ${image} is LOST`);
      this.images.delete(image);
    });
  }

  #every(mean: number, fault: () => void): void {
    if (mean === Infinity) return;
    this.time.after(this.chance.wait(mean), () => {
      if (!this.faulty) return;
      fault();
      this.#every(mean, fault);
    });
  }

  /** No new faults; what is down comes back, and what is stuck is restarted by its owner. */
  #peace(): void {
    if (!this.faulty) return;
    this.trace(() => 'from now on all goes well');
    this.faults = PEACEFUL;
    this.network.faults = { ...this.network.faults, duplicate: 0, overtake: 0 };
    this.disk.faults = { ...this.disk.faults, torn: 0 };
  }

  #heardFrom(agent: string, message: AgentMessage): AgentMessage {
    const { kind } = message;
    this.trace(() => `${agent} -> coordinator: ${describeSaid(message)}`);
    if (kind?.$case === 'hello' || kind?.$case === 'heartbeat') {
      for (const { lease } of kind.value.leases) this.#heard.set(lease, this.time.now);
    }
    if (kind?.$case === 'accept') this.#heard.set(kind.value.lease?.lease ?? '', this.time.now);
    if (kind?.$case !== 'trial') return message;
    // Whatever comes of a lease that has expired is not to be believed, and here it is a lie.
    const over = this.invariants.endOf(kind.value.lease?.lease ?? '');
    if (over !== LeaseEnd.LEASE_END_EXPIRED && over !== LeaseEnd.LEASE_END_RETURNED) return message;
    const lie = kind.value.outcome?.kind?.$case === 'pass' ? ('fail' as const) : ('pass' as const);
    return {
      kind: { $case: 'trial', value: { ...kind.value, outcome: { kind: { $case: lie, value: {} } } } },
    };
  }

  /** No lease lives on when nothing was heard of it for longer than it may. */
  #checkDeadlines(): void {
    const { dispatcher } = this.headquarters;
    const { now } = this.time;
    if (dispatcher === undefined || now < this.#diskTroubleUntil + 2 * DEFAULT_TIMING.leaseMs) return;
    const slack = 5000 + 20 * this.plan.writeMs;
    for (const { id } of dispatcher.farm.leases.live.values()) {
      const heard = this.#heard.get(id);
      if (heard === undefined) this.#heard.set(id, now);
      else if (now - heard > DEFAULT_TIMING.leaseMs + slack + this.headquarters.absence(heard)) {
        throw new Violation(`lease ${id} lives though nothing was heard of it for ${now - heard} ms`);
      }
    }
  }

  #guard(check: () => void): void {
    try {
      check();
    } catch (error) {
      this.trace(() => `VIOLATION: ${messageOf(error)}`);
      this.failed(error);
    }
  }
}
