import { EventEmitter } from 'node:events';
import type { Clock } from '@kbisect/shared/clock';
import { KbisectError, messageOf, type ErrorCode } from '@kbisect/shared/errors';
import type { BuildRecord } from '@kbisect/shared/build-record';
import type { BlobRef, JobSpec } from '@kbisect/shared/gen/kbisect/v1/job';
import type { CoordinatorMessage } from '@kbisect/shared/gen/kbisect/v1/session';
import type { JobSnapshot } from '@kbisect/shared/gen/kbisect/v1/snapshot';
import { leaseId, type AgentName, type CommitId, type JobId } from '@kbisect/shared/ids';
import type { Logger } from '@kbisect/shared/log';
import type { RangeChanges } from './classes/prediction.js';
import type { Journal } from './journal/journal.js';
import type { Snapshots } from './journal/snapshots.js';
import type { Farm } from './scheduler/farm.js';
import type { Input } from './scheduler/inputs.js';
import type { Effect, Output, Question } from './scheduler/output.js';
import type { Range } from './scheduler/range.js';
import type { Suspects } from './search/priors.js';
import type { CommitGraph } from './search/graph.js';
import { readJobs, type FoundJob } from './snapshot/read-jobs.js';
import { SnapshotKeeper } from './snapshot/snapshot-keeper.js';

const TICK_MS = 1000;
/** Between two attempts at what has to be done. */
const RETRY_MS = 1000;
/** Why a journal does not take events for a while. */
const PASSING: ReadonlySet<ErrorCode> = new Set(['resource-exhausted', 'unavailable']);

/** An agent came or went. */
const MACHINES: ReadonlySet<Input['kind']> = new Set(['hello', 'gone', 'drain']);

/** Sends to an agent that is connected now. */
export interface AgentLine {
  send(message: NonNullable<CoordinatorMessage['kind']>): void;
}

/** What the dispatcher does its I/O with. */
export interface Surroundings {
  readonly journal: Journal;
  readonly snapshots: Snapshots;
  readonly readRange: (spec: JobSpec, signal: AbortSignal, job: JobId) => Promise<Range>;
  readonly readChanges: (
    graph: CommitGraph,
    outside: readonly CommitId[],
    signal: AbortSignal,
  ) => Promise<RangeChanges>;
  readonly readRecord: (record: BlobRef) => Promise<BuildRecord>;
  /** Commits of a range that touch the files which a crash on a console names. */
  readonly readSuspects: (
    spec: JobSpec,
    graph: CommitGraph,
    console: BlobRef,
    signal: AbortSignal,
  ) => Promise<Suspects[]>;
  /** Makes or reads what is asked for the checks of a job's culprit. */
  readonly makeChecks: (
    job: JobId,
    spec: JobSpec,
    question: Question,
    signal: AbortSignal,
  ) => Promise<Extract<Input, { kind: 'checks' | 'sides' | 'settings' }>>;
  readonly clock: Clock;
  readonly log: Logger;
  /** Ends the daemon: what is in memory and what is in the journal have come apart. */
  readonly fail: (error: unknown) => void;
}

/**
 * The shell around the pure scheduler: it writes down the events that come out of it, and only when they are
 * durable does what it asks for. Inputs are taken in the order in which they are posted.
 */
export class Dispatcher {
  /** Emits a job's id when what its agents do has changed. */
  readonly activity = new EventEmitter().setMaxListeners(0);
  /** Emits `change` when anything of the farm may have changed. */
  readonly changes = new EventEmitter<{ change: [] }>().setMaxListeners(0);
  readonly #keeper: SnapshotKeeper;
  readonly #lines = new Map<AgentName, AgentLine>();
  /** What was made of inputs while the last batch is being written: it is written together, and then planned for. */
  #open: { readonly outputs: Output[]; readonly done: Promise<void> } | undefined;
  #tail: Promise<void> = Promise.resolve();

  constructor(
    readonly farm: Farm,
    private readonly surroundings: Surroundings,
    private readonly signal: AbortSignal,
  ) {
    const { journal, snapshots, log } = surroundings;
    const kept = (job: JobId, snapshot: JobSnapshot) => this.farm.shorten(job, snapshot);
    this.#keeper = new SnapshotKeeper(journal, snapshots, kept, log, signal);
  }

  /**
   * Takes up every job in the journal where it stood.
   * @param found sees each job as it was found
   */
  async resume(found?: (job: FoundJob) => void): Promise<void> {
    const { journal, snapshots, clock, log } = this.surroundings;
    let restored = 0;
    for await (const one of readJobs(journal, snapshots, log)) {
      if (one.snapshot) {
        this.farm.restore(one.job, one.snapshot);
        restored += 1;
      } else {
        const job = this.farm.replay(one.job, one.events, clock.now());
        if (job.over) this.#keeper.keep(one.job);
      }
      found?.(one);
    }
    const effects = this.farm.resume();
    log.info({ jobs: this.farm.jobs.size, restored, running: effects.length }, 'journal read');
    for (const effect of effects) this.#perform(effect);
  }

  /** From now on the agent is spoken to on this line (or on none); gives the one it had before. */
  connect(agent: AgentName, line: AgentLine | undefined): AgentLine | undefined {
    const previous = this.#lines.get(agent);
    if (line) this.#lines.set(agent, line);
    else this.#lines.delete(agent);
    return previous;
  }

  /** Whether this is the line on which the agent is spoken to. */
  speaksOn(agent: AgentName, line: AgentLine): boolean {
    return this.#lines.get(agent) === line;
  }

  /** Forgets a line and gives true, unless another one took its place: then the agent is not gone. */
  disconnect(agent: AgentName, line: AgentLine): boolean {
    return this.speaksOn(agent, line) && this.#lines.delete(agent);
  }

  /**
   * Hands an input to the scheduler; resolves when all that follows from it is durable and done.
   * @throws KbisectError when the input is refused
   */
  async post(input: Input): Promise<void> {
    await this.take(input);
  }

  /**
   * The same for who goes on meanwhile: what is refused is thrown at once, and the promise may be left alone, as a journal that
   * fails ends the daemon.
   * @throws KbisectError when the input is refused
   */
  take(input: Input): Promise<void> {
    const output = this.farm.handle(input, this.surroundings.clock.now());
    if ('job' in input) this.activity.emit(input.job);
    else if (input.kind === 'progress' && input.progress.lease) this.#announce(input.progress.lease.lease);
    // Which agents there are is why jobs wait.
    else if (MACHINES.has(input.kind)) for (const job of this.farm.running.keys()) this.activity.emit(job);
    if (input.kind !== 'tick') this.changes.emit('change');
    this.#open ??= this.#begin();
    this.#open.outputs.push(output);
    return this.#open.done;
  }

  #begin(): { readonly outputs: Output[]; readonly done: Promise<void> } {
    const outputs: Output[] = [];
    const done = this.#tail.then(() => {
      this.#open = undefined;
      outputs.push(this.farm.plan(this.surroundings.clock.now()));
      return this.#settle(together(outputs));
    });
    this.#tail = done.catch(() => undefined);
    return { outputs, done };
  }

  /** Lets the scheduler see time pass, until the signal is aborted. */
  async keepTime(): Promise<void> {
    const { clock } = this.surroundings;
    while (!this.signal.aborted) {
      await this.post({ kind: 'tick' });
      await clock.sleep(TICK_MS, this.signal).catch(() => undefined);
    }
  }

  /** Resolves when all that was posted so far is durable and done. */
  async settled(): Promise<void> {
    await this.#tail;
    await this.#keeper.settled();
  }

  async #settle(output: Output): Promise<void> {
    const appends = [...output.appends];
    const { fail } = this.surroundings;
    try {
      await Promise.all(
        appends.map(([job, { expectedVersion, events }]) => this.#append(job, expectedVersion, events)),
      );
    } catch (error) {
      fail(error);
      throw error;
    }
    for (const [job, { events }] of appends) {
      this.activity.emit(job);
      if (events.some(({ fact }) => fact?.$case === 'ended')) this.#keeper.keep(job);
    }
    if (appends.length > 0) this.changes.emit('change');
    for (const effect of output.effects) this.#perform(effect);
  }

  /** While the disk is full or the store is away everything waits, and nothing is lost or acknowledged. */
  async #append(job: JobId, version: number, events: Parameters<Journal['append']>[2]): Promise<void> {
    const { journal, clock, log } = this.surroundings;
    for (;;) {
      try {
        await journal.append(job, version, events);
        return;
      } catch (error) {
        if (!(error instanceof KbisectError) || !PASSING.has(error.code)) throw error;
        log.error({ job, err: error }, 'the journal cannot be written; trying again until it can');
        await clock.sleep(RETRY_MS, this.signal);
      }
    }
  }

  #perform(effect: Effect): void {
    const { log } = this.surroundings;
    switch (effect.kind) {
      case 'offer':
        log.info(
          { agent: effect.agent, job: effect.task.job, commit: effect.task.commit, ...effect.lease },
          'offer',
        );
        this.#lines
          .get(effect.agent)
          ?.send({ $case: 'offer', value: { lease: effect.lease, task: effect.task } });
        return;
      case 'withdraw':
        log.info({ agent: effect.agent, ...effect.lease }, 'withdraw');
        this.#lines.get(effect.agent)?.send({ $case: 'cancel', value: { lease: effect.lease } });
        return;
      case 'acknowledge':
        this.#lines
          .get(effect.agent)
          ?.send({ $case: 'ack', value: { lease: effect.lease, seq: effect.seq } });
        return;
      case 'read-range':
        void this.#readRange(effect.job, effect.spec);
        return;
      case 'read-changes':
        void this.#readChanges(effect.job, effect.graph, effect.outside);
        return;
      case 'read-suspects':
        void this.#readSuspects(effect.job, effect.spec, effect.graph, effect.console);
        return;
      case 'make-checks':
        void this.#makeChecks(effect.job, effect.spec, effect.question);
        return;
      case 'read-record':
        void this.#readRecord(effect.job, effect.record);
        return;
    }
  }

  /** Owns its promise: whatever happens becomes an input. */
  async #readRange(job: JobId, spec: JobSpec): Promise<void> {
    let range: Range;
    try {
      range = await this.surroundings.readRange(spec, this.signal, job);
    } catch (error) {
      if (!this.signal.aborted) await this.#hand({ kind: 'range-unreadable', job, reason: messageOf(error) });
      return;
    }
    await this.#hand({ kind: 'range', job, range });
  }

  /** Owns its promise: without the diffs the job goes on and foretells nothing. */
  async #readChanges(job: JobId, graph: CommitGraph, outside: readonly CommitId[]): Promise<void> {
    const { readChanges, log } = this.surroundings;
    let changes: RangeChanges | undefined;
    try {
      changes = await readChanges(graph, outside, this.signal);
    } catch (error) {
      if (this.signal.aborted) return;
      log.warn(
        { job, err: error },
        'no build of this job is foretold: the diffs of its range cannot be read',
      );
    }
    await this.#hand({ kind: 'changes', job, changes });
  }

  /** Owns its promise: a record that cannot be read foretells nothing. */
  async #readRecord(job: JobId, blob: BlobRef): Promise<void> {
    const { readRecord, log } = this.surroundings;
    let record: BuildRecord | undefined;
    try {
      record = await readRecord(blob);
    } catch (error) {
      if (this.signal.aborted) return;
      log.warn({ job, ...blob, err: error }, 'a build record cannot be read');
    }
    await this.#hand({ kind: 'record', job, digest: blob.digest, record });
  }

  /** Owns its promise: without suspects all commits are as likely as before. */
  async #readSuspects(job: JobId, spec: JobSpec, graph: CommitGraph, console: BlobRef): Promise<void> {
    const { readSuspects, log } = this.surroundings;
    try {
      const suspects = await readSuspects(spec, graph, console, this.signal);
      if (suspects.length > 0) await this.#hand({ kind: 'suspects', job, suspects });
    } catch (error) {
      if (!this.signal.aborted) log.warn({ job, err: error }, 'what the crash names cannot be read');
    }
  }

  /** Owns its promise: it is tried until git does it, as no culprit is named without. */
  async #makeChecks(job: JobId, spec: JobSpec, question: Question): Promise<void> {
    const { makeChecks, clock, log } = this.surroundings;
    for (;;) {
      try {
        await this.#hand(await makeChecks(job, spec, question, this.signal));
        return;
      } catch (error) {
        if (this.signal.aborted) return;
        log.error({ job, err: error }, 'the checks of the culprit cannot be made; trying again');
        await clock.sleep(RETRY_MS, this.signal).catch(() => undefined);
      }
    }
  }

  async #hand(input: Input & { readonly job: JobId }): Promise<void> {
    try {
      await this.post(input);
    } catch (error) {
      this.surroundings.log.error(
        { job: input.job, err: error },
        `the job could not take in its ${input.kind}`,
      );
    }
  }

  #announce(lease: string): void {
    const known = this.farm.leases.live.get(leaseId(lease));
    if (known) this.activity.emit(known.job);
  }
}

/** Outputs that came one after the other, as one. */
function together(outputs: readonly Output[]): Output {
  const appends: Output['appends'] = new Map();
  for (const [job, { expectedVersion, events }] of outputs.flatMap((output) => [...output.appends])) {
    const before = appends.get(job);
    if (before) before.events.push(...events);
    else appends.set(job, { expectedVersion, events: [...events] });
  }
  return { appends, effects: latestAcknowledged(outputs.flatMap(({ effects }) => effects)) };
}

/** Effects of which a lease's last acknowledgement alone is left: it says up to which result all are there. */
function latestAcknowledged(effects: readonly Effect[]): Effect[] {
  const latest = new Map<string, Effect>();
  for (const effect of effects) {
    if (effect.kind !== 'acknowledge') continue;
    const key = `${effect.agent} ${effect.lease.lease} ${effect.lease.epoch}`;
    const before = latest.get(key);
    if (before?.kind !== 'acknowledge' || before.seq <= effect.seq) latest.set(key, effect);
  }
  const kept = new Set(latest.values());
  return effects.filter((effect) => effect.kind !== 'acknowledge' || kept.has(effect));
}
