import { JobState, LeaseEnd, type JobEvent, type JobSpec } from '@kbisect/shared/gen/kbisect/v1/job';
import type { Hello, LeaseRef } from '@kbisect/shared/gen/kbisect/v1/session';
import type { JobSnapshot } from '@kbisect/shared/gen/kbisect/v1/snapshot';
import { KbisectError } from '@kbisect/shared/errors';
import { commitId, type AgentName, type JobId } from '@kbisect/shared/ids';
import { KnownBuilds, orderedRecipe } from '../classes/known-builds.js';
import { Prediction } from '../classes/prediction.js';
import { Agent } from './agents.js';
import { ended } from './facts.js';
import type { Input } from './inputs.js';
import { Job } from './job.js';
import { Leases } from './leases.js';
import { Offers } from './offers.js';
import { Recorder, type Effect, type Output } from './output.js';
import { itIsOver, PastJob, type KnownJob } from './past-job.js';
import { replayJob } from './replay-job.js';
import { Results } from './results.js';
import type { Timing } from './timing.js';

/** Inputs after which every job may want something else: machines came, went, or are rested; what is known of builds. */
const CHANGES_ALL: ReadonlySet<Input['kind']> = new Set(['hello', 'gone', 'drain', 'record', 'tick']);

/**
 * The scheduler: jobs, agents and leases. It does no I/O and reads no clock: inputs go in with the time they
 * came at, events and effects come out.
 */
export class Farm {
  readonly jobs = new Map<JobId, KnownJob>();
  /** Those that are not over. */
  readonly running = new Map<JobId, Job>();
  readonly agents = new Map<AgentName, Agent>();
  readonly leases: Leases;
  readonly #recorder = new Recorder();
  readonly #offers: Offers;
  readonly #results: Results;
  /** By the recipe as it was ordered. */
  readonly #builds = new Map<string, KnownBuilds>();

  /** @param newId gives an id that was never given before */
  constructor(timing: Timing, newId: () => string) {
    const { running, agents } = this;
    this.leases = new Leases(running, timing, newId, this.#recorder);
    this.#offers = new Offers(running, agents, this.leases, timing, this.#recorder);
    this.#results = new Results(agents, this.leases, timing, this.#recorder);
  }

  /** Takes in a job as the journal has it. To be called before any input, once for each job. */
  replay(id: JobId, events: readonly JobEvent[], now: number): Job {
    const job = replayJob(id, events, (spec) => this.#predictionFor(spec));
    this.jobs.set(id, job);
    if (!job.over) this.running.set(id, job);
    this.leases.replayed(job, now);
    return job;
  }

  /** Takes in a job that is over as its snapshot has it, in the place of a replay. */
  restore(id: JobId, { job, lastEpoch, recipes, builds }: JobSnapshot): void {
    if (job?.spec === undefined) throw new KbisectError('data-loss', `the snapshot of job ${id} has no job`);
    this.jobs.set(id, new PastJob(id, job.spec, job));
    this.leases.past(lastEpoch);
    const known = this.#predictionFor(job.spec)?.builds;
    if (known === undefined) return;
    for (const recipe of recipes) known.recipes.add(recipe);
    for (const { commit, image, record, recipe, predicted } of builds)
      known.built(commitId(commit), { image, record, recipe: recipes[recipe] ?? '', predicted });
  }

  /** Has no more in memory of a job that is over than its snapshot says of it. */
  shorten(id: JobId, { job }: JobSnapshot): void {
    if (job?.spec !== undefined && this.#known(id).over) this.jobs.set(id, new PastJob(id, job.spec, job));
  }

  /** What is to be done after a replay: the ranges of jobs that are not over are read again. */
  resume(): Effect[] {
    return [...this.running.values()].map(({ id, spec }) => ({ kind: 'read-range', job: id, spec }));
  }

  /**
   * Takes in one input. Who is to work on what then is planned apart, for several inputs together.
   * @param now milliseconds since the epoch
   * @throws KbisectError when the input's sender is to be told that it is wrong; nothing has changed then
   */
  handle(input: Input, now: number): Output {
    this.#recorder.reset();
    this.#take(input, now);
    this.#foretell(now);
    const { output } = this.#recorder;
    for (const id of output.appends.keys()) this.#advance(this.#job(id), now);
    const asked = 'job' in input ? this.running.get(input.job) : undefined;
    if (asked) this.#offers.changed(asked);
    // One that is over now leaves its slots to others.
    for (const id of output.appends.keys()) this.#offers.changed(this.#job(id));
    if (CHANGES_ALL.has(input.kind)) this.#offers.allChanged();
    return output;
  }

  /** What is to be offered and withdrawn after the inputs since the last time. */
  plan(now: number): Output {
    this.#recorder.reset();
    this.#offers.plan(now);
    return this.#recorder.output;
  }

  #take(input: Input, now: number): void {
    switch (input.kind) {
      case 'submit': {
        const { job: id, spec } = input;
        if (this.jobs.has(id)) throw new KbisectError('failed-precondition', `there is a job ${id}`);
        const job = new Job(id, spec, new Date(now), this.#predictionFor(spec));
        this.jobs.set(id, job);
        this.running.set(id, job);
        this.#recorder.record(job, { $case: 'submitted', value: { job: id, spec } }, now);
        this.#recorder.ask({ kind: 'read-range', job: id, spec });
        return;
      }
      case 'range': {
        const job = this.#whileItRuns(input.job);
        if (job === undefined) return;
        job.attach(input.range);
        const { graph } = input.range;
        if (job.prediction)
          this.#recorder.ask({ kind: 'read-changes', job: job.id, graph, outside: job.outside });
        this.#advance(job, now);
        return;
      }
      case 'suspects':
        this.#whileItRuns(input.job)?.suspect(input.suspects);
        return;
      case 'checks': {
        const job = this.#whileItRuns(input.job);
        if (job === undefined) return;
        job.certificate.prepare(input.culprit, input.checks);
        this.#advance(job, now);
        return;
      }
      case 'sides': {
        const job = this.#whileItRuns(input.job);
        if (job === undefined) return;
        job.certificate.attach(input.culprit, input.sides);
        this.#advance(job, now);
        return;
      }
      case 'settings': {
        const job = this.#whileItRuns(input.job);
        if (job === undefined) return;
        job.certificate.ask(input.settings);
        this.#advance(job, now);
        return;
      }
      case 'changes':
        this.#whileItRuns(input.job)?.prediction?.attach(input.changes);
        return;
      case 'record':
        // What builds tell is for other jobs, too.
        this.#predictionFor(this.#known(input.job).spec)?.builds.learn(input.digest, input.record);
        return;
      case 'range-unreadable': {
        const job = this.#whileItRuns(input.job);
        if (job) this.#end(job, JobState.JOB_STATE_ABORTED, input.reason, now);
        return;
      }
      case 'cancel': {
        const job = this.#whileItRuns(input.job);
        if (job === undefined) return;
        const reason = 'cancelled by its owner';
        // A culprit that only waits for what its settings are is named.
        job.certificate.config?.giveUp(reason);
        this.#advance(job, now);
        this.#end(job, JobState.JOB_STATE_CANCELLED, reason, now);
        return;
      }
      case 'mark': {
        const { commit, verdict, by } = input;
        const job = this.#job(input.job);
        job.checkMark(commit, verdict);
        this.#recorder.record(job, { $case: 'marked', value: { commit, verdict, by } }, now);
        return;
      }
      case 'rerun': {
        const { commit, by } = input;
        const job = this.#job(input.job);
        job.checkRerun(commit);
        this.#recorder.record(job, { $case: 'rerun', value: { commit, by } }, now);
        return;
      }
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
        this.agents.get(input.agent)?.has(input.trees);
        for (const ref of input.leases) this.#worksOn(input.agent, ref, now);
        return;
      case 'accept':
        this.#worksOn(input.agent, input.lease, now);
        return;
      case 'progress': {
        const { phase, fraction, lease: ref } = input.progress;
        const lease = this.leases.held(input.agent, ref);
        if (lease) Object.assign(lease, { phase, fraction, movedAt: now });
        return;
      }
      case 'build':
        this.#results.built(input.agent, input.result, now);
        return;
      case 'trial':
        this.#results.tried(input.agent, input.result, now);
        return;
      case 'task': {
        const found = this.#results.taskEnded(input.agent, input.result, now);
        if (found) this.#end(found.job, JobState.JOB_STATE_ABORTED, found.refused, now);
        return;
      }
      case 'tick':
        this.leases.expire(now);
        return;
    }
  }

  /** An agent says that it works on a lease: one that it does not hold is withdrawn. */
  #worksOn(agent: AgentName, ref: LeaseRef, now: number): void {
    const lease = this.leases.held(agent, ref);
    if (lease) this.leases.prolong(lease, now);
    else this.#recorder.ask({ kind: 'withdraw', agent, lease: ref });
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
    for (const lease of this.leases.live.values()) {
      if (lease.agent !== agent.name) continue;
      if (has.has(lease.id)) {
        this.leases.prolong(lease, now);
      } else if (known?.incarnation === agent.incarnation) {
        this.leases.release(lease, LeaseEnd.LEASE_END_WITHDRAWN, 'the offer was lost on its way', now);
      } else {
        this.leases.release(lease, LeaseEnd.LEASE_END_EXPIRED, 'the agent was started anew', now);
      }
    }
    for (const ref of hello.leases) {
      if (!this.leases.held(agent.name, ref)) {
        this.#recorder.ask({ kind: 'withdraw', agent: agent.name, lease: ref });
      }
    }
  }

  /** Lets the jobs take in what builds, their own and each other's, have told; asks for what is still to be read. */
  #foretell(now: number): void {
    for (const job of this.running.values()) {
      if (!job.attached || job.prediction === undefined) continue;
      for (const record of job.prediction.unread())
        this.#recorder.ask({ kind: 'read-record', job: job.id, record });
      if (!job.collapse()) continue;
      this.#advance(job, now);
      this.#offers.changed(job);
    }
  }

  #predictionFor({ test }: JobSpec): Prediction | undefined {
    if (test?.$case !== 'boot') return undefined;
    const recipe = orderedRecipe(test.value);
    const builds = this.#builds.get(recipe) ?? new KnownBuilds();
    this.#builds.set(recipe, builds);
    return new Prediction(builds);
  }

  /** Writes down every fact that follows from the known ones. */
  #advance(job: Job, now: number): void {
    for (let fact = job.next(); fact !== undefined; fact = job.next()) {
      if (fact.$case === 'ended') this.leases.withdrawAll(job, now);
      this.#recorder.record(job, fact, now);
      if (job.over) this.#over(job);
    }
    for (let question = job.takeQuestion(); question !== undefined; question = job.takeQuestion())
      this.#recorder.ask({ kind: 'make-checks', job: job.id, spec: job.spec, question });
    const crash = job.takeCrash();
    if (crash) this.#recorder.ask({ kind: 'read-suspects', job: job.id, spec: job.spec, ...crash });
  }

  #end(job: Job, state: JobState, reason: string, now: number): void {
    if (job.over) return;
    this.leases.withdrawAll(job, now);
    this.#recorder.record(job, ended(state, reason), now);
    this.#over(job);
  }

  #over(job: Job): void {
    this.running.delete(job.id);
    for (const agent of this.agents.values()) agent.lastCommit.delete(job.id);
  }

  #known(id: JobId): KnownJob {
    const job = this.jobs.get(id);
    if (job === undefined) throw new KbisectError('not-found', `there is no job ${id}; see 'kbisect jobs'`);
    return job;
  }

  #job(id: JobId): Job {
    const job = this.#known(id);
    if (job instanceof PastJob) throw itIsOver(id);
    return job;
  }

  /** None when the job is over, and what was under way for it comes too late. */
  #whileItRuns(id: JobId): Job | undefined {
    return this.#known(id).over ? undefined : this.#job(id);
  }
}
