import { NewWhen_Kind, type JobSpec } from '@kbisect/shared/gen/kbisect/v1/job';
import type { Task_KnownImage } from '@kbisect/shared/gen/kbisect/v1/session';
import { commitId, type AgentName, type CommitId, type JobId } from '@kbisect/shared/ids';
import type { BuildForecast } from '../classes/prediction.js';
import type { Agent } from './agents.js';
import type { Job } from './job.js';
import type { WantedTest } from './job-tests.js';
import type { Leases } from './leases.js';
import type { Recorder } from './output.js';
import { weightOf } from './priority.js';
import { fairShares, type Claim } from './shares.js';
import { stragglers } from './stragglers.js';
import type { Timing } from './timing.js';

/** Decides who tests what: withdraws what can teach nothing more, and fills the free slots. */
export class Offers {
  /** Since the last plan. */
  readonly #changed = new Set<Job>();
  /** Jobs that have all that they wanted when they were asked last. */
  readonly #sated = new WeakSet<Job>();
  #timePassed = false;

  constructor(
    private readonly jobs: ReadonlyMap<JobId, Job>,
    private readonly agents: ReadonlyMap<AgentName, Agent>,
    private readonly leases: Leases,
    private readonly timing: Timing,
    private readonly recorder: Recorder,
  ) {}

  /** What a job wants, or needs no more, may be something else than it was. */
  changed(job: Job): void {
    this.#changed.add(job);
    this.#sated.delete(job);
  }

  /** So it may be of every job; and who takes too long is looked for. */
  allChanged(): void {
    for (const job of this.jobs.values()) this.changed(job);
    this.#timePassed = true;
  }

  plan(now: number): void {
    if (this.#changed.size === 0) return;
    const changed = [...this.#changed].filter((job) => !job.over && job.attached);
    this.#changed.clear();
    for (const job of changed) {
      for (const { id } of job.tests.futile()) {
        const lease = this.leases.live.get(id);
        if (lease) this.leases.withdraw(lease, 'its result can teach nothing more', now);
      }
    }
    const running = [...this.jobs.values()].filter((job) => job.attached);
    let hungry = running.filter((job) => !this.#sated.has(job));
    while (hungry.length > 0) {
      const free = this.#freeSlots(now);
      const slots = sum([...free.values()]);
      if (slots === 0) return;
      const claims = hungry
        .map((job) => this.#claim(job, free, slots, now))
        .filter(({ usable }) => usable > 0);
      const claimants = new Set(claims.map(({ job }) => job));
      const shares = fairShares(claims, slots, heldBeside(running, claimants));
      const served = new Set<Job>();
      // Who can use few of the slots chooses before who can use them all.
      for (const { job } of claims.toSorted((one, other) => one.usable - other.usable)) {
        const share = shares.get(job) ?? 0;
        if (share === 0 || this.#serve(job, share, free, now)) served.add(job);
      }
      hungry = hungry.filter((job) => served.has(job));
    }
    if (this.#timePassed) this.#double(running, now);
    this.#timePassed = false;
  }

  #claim(job: Job, free: ReadonlyMap<Agent, number>, slots: number, now: number): Claim<Job> {
    const { idleSince, needs } = job;
    return {
      job,
      submitter: submitterOf(job),
      held: job.leases.liveCount,
      weight: weightOf(job.spec.priority),
      overdue: idleSince !== undefined && now - idleSince.getTime() >= this.timing.overdueMs,
      usable: needs.length === 0 ? slots : sum([...free].map(([agent, n]) => (agent.canDo(job) ? n : 0))),
    };
  }

  /** Gives a job its share of the free slots; false when it takes no more. */
  #serve(job: Job, share: number, free: Map<Agent, number>, now: number): boolean {
    const trees = job.prediction ? [...free.keys()].flatMap((agent) => agent.treesFor(job)) : [];
    const wanted = job.tests.wanted(share, trees);
    const given = wanted.filter((one) => this.#offer(job, one, free, now)).length;
    if (wanted.length < share && given === wanted.length) this.#sated.add(job);
    return given > 0 && given === share;
  }

  /** What is still free when nobody wants it is tried on tasks that take too long. */
  #double(running: readonly Job[], now: number): void {
    for (const job of running) {
      for (const { commit, id, agent, fixups, check } of stragglers(job, now, this.timing)) {
        const others = new Map([...this.#freeSlots(now)].filter(([{ name }]) => name !== agent));
        const order = job.certificate.wanted().find((wanted) => wanted.check === check);
        const checking = order === undefined ? {} : { check: order };
        this.#offer(job, { commit, audit: false, fixups, doubles: id, ...checking }, others, now);
      }
    }
  }

  /**
   * Agents that can check a commit which another tried first: what that one's machine did wrong shows then. Undefined when
   * there is no other.
   */
  #othersThanFirst(job: Job, commit: CommitId, failedOn: readonly AgentName[]): Set<Agent> | undefined {
    const { triedOn } = job.evidence.of(commit);
    if (triedOn === undefined) return undefined;
    const others = [...this.agents.values()].filter(
      (agent) => agent.name !== triedOn && agent.isPresent && !failedOn.includes(agent.name),
    );
    const able = others.filter((agent) => agent.canDo(job));
    return able.length === 0 ? undefined : new Set(able);
  }

  #freeSlots(now: number): Map<Agent, number> {
    const free = new Map<Agent, number>();
    for (const agent of this.agents.values()) {
      const slots = agent.accepts(now) ? agent.places - this.leases.heldBy(agent.name) : 0;
      if (slots > 0) free.set(agent, slots);
    }
    return free;
  }

  /** Leases a commit to the best free agent; false when there is none for it. */
  #offer(job: Job, wanted: WantedTest, free: Map<Agent, number>, now: number): boolean {
    const { spec } = job;
    const { commit, audit, fixups, check } = wanted;
    const { failedOn } = check ?? job.evidence.of(commit);
    const near = check?.near ?? commit;
    const others = check?.elsewhere ? this.#othersThanFirst(job, check.commit, failedOn) : undefined;
    // Of a configuration that was never built nothing is known; where nothing is built, all agents are alike.
    const alike = check?.settings
      ? { objects: 0, seconds: 0 }
      : job.prediction === undefined
        ? job.tests.forecast(near, [])
        : undefined;
    let best: Candidate | undefined;
    for (const agent of free.keys()) {
      if (!agent.canDo(job) || others?.has(agent) === false) continue;
      const candidate = {
        agent,
        failed: failedOn.includes(agent.name) ? 1 : 0,
        forecast: alike ?? job.tests.forecast(near, check?.clean ? [] : agent.treesFor(job)),
        distance: distance(job, agent.lastCommit.get(job.id), near),
      };
      if (best === undefined || isBetter(candidate, best)) best = candidate;
    }
    if (best === undefined) return false;
    const { agent, forecast } = best;

    const slots = (free.get(agent) ?? 1) - 1;
    if (slots === 0) free.delete(agent);
    else free.set(agent, slots);

    const trials = audit ? 0 : job.tests.trialsFor(commit, check);
    const lease = this.leases.grant(job, wanted, agent.name, trials, forecast, now);
    agent.lastCommit.set(job.id, commit);
    const { timeoutSeconds, test } = spec;
    this.recorder.ask({
      kind: 'offer',
      agent: agent.name,
      lease,
      task: {
        job: job.id,
        commit,
        trials,
        timeoutSeconds,
        test,
        knownImages: knownImages(job, wanted),
        fixups: [...fixups],
        audit,
        clean: check?.clean,
        settings: check?.settings && { lines: [...check.settings] },
        outputPattern: outputPattern(spec),
        ...usual(job),
      },
    });
    return true;
  }
}

/** An agent that could take a task. */
interface Candidate {
  readonly agent: Agent;
  /** 1 if it has failed to do it before. */
  readonly failed: number;
  readonly forecast: BuildForecast;
  /** From where its worktree stands. */
  readonly distance: number;
}

function isBetter(one: Candidate, other: Candidate): boolean {
  const order =
    one.failed - other.failed ||
    one.forecast.seconds - other.forecast.seconds ||
    one.distance - other.distance;
  return order < 0;
}

/** Slots that submitters have for jobs other than these. */
function heldBeside(running: readonly Job[], these: ReadonlySet<Job>): Map<string, number> {
  const held = new Map<string, number>();
  for (const job of running) {
    if (these.has(job)) continue;
    held.set(submitterOf(job), (held.get(submitterOf(job)) ?? 0) + job.leases.liveCount);
  }
  return held;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, one) => all + one, 0);
}

function submitterOf({ spec }: Job): string {
  return spec.submitter ?? '';
}

/** Images that need not be built again. Modules come out of the commit's own build, and so does what is picked. */
function knownImages(
  { prediction, spec: { test } }: Job,
  { commit, audit, fixups, check }: WantedTest,
): Task_KnownImage[] {
  const isPlain = test?.$case === 'boot' && test.value.modules.length === 0;
  return !isPlain || audit || check?.clean || check?.settings || fixups.length > 0
    ? []
    : (prediction?.knownImages(commit) ?? []);
}

/** What an agent looks for in consoles. */
function outputPattern({ newWhen }: JobSpec): string {
  return newWhen?.kind === NewWhen_Kind.KIND_OUTPUT ? newWhen.pattern : '';
}

/** What a trial of the old ends takes, which tells an agent how long to wait for a guest that says nothing. */
function usual({ spec, evidence }: Job): { usualSeconds?: number } {
  const took = spec.olds.flatMap((old) => evidence.of(commitId(old)).longest ?? []);
  return took.length === 0 ? {} : { usualSeconds: Math.max(...took) };
}

/** How far an agent's last commit is from another, in commits of the range; an agent without one is farthest. */
function distance(job: Job, from: CommitId | undefined, to: CommitId): number {
  if (from === undefined) return Number.MAX_SAFE_INTEGER;
  // The old end lies just before the range.
  return Math.abs((job.position(from) ?? -1) - (job.position(to) ?? -1));
}
