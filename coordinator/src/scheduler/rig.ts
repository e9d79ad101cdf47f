import type { BuildRecord } from '@kbisect/shared/build-record';
import { Mode, Check, type JobEvent, type JobSpec, type Outcome } from '@kbisect/shared/gen/kbisect/v1/job';
import {
  BuildResult,
  type Hello,
  type LeaseRef,
  type Settings,
  type Task,
  type TaskResult,
} from '@kbisect/shared/gen/kbisect/v1/session';
import { commitId, jobId, type AgentName, type CommitId, type JobId } from '@kbisect/shared/ids';
import type { RangeChanges } from '../classes/prediction.js';
import { RevListParser } from '../search/graph.js';
import { Farm } from './farm.js';
import type { Input } from './inputs.js';
import type { Job } from './job.js';
import type { Effect, Output } from './output.js';
import { PastJob } from './past-job.js';
import type { Merging, Sides } from './pair-search.js';
import type { Range } from './range.js';
import type { Suspects } from '../search/priors.js';
import { DEFAULT_TIMING } from './timing.js';

/** A commit id made from a number. */
export function commit(n: number): CommitId {
  return commitId((n + 1).toString(16).padStart(40, '0'));
}

/** A straight range of `size` commits: commit(1) .. commit(size), with commit(0) as the old end. */
export function straightRange(size: number): Range {
  const parser = new RevListParser();
  for (let n = size; n >= 1; n--) parser.push(Buffer.from(`${commit(n)} ${commit(n - 1)}\n`));
  return { graph: parser.end(), mergeBases: [], suspects: [] };
}

export function straightSpec(size: number, more: Partial<JobSpec> = {}): JobSpec {
  return {
    mode: Mode.MODE_REGRESSION,
    olds: [commit(0)],
    new: commit(size),
    firstParent: false,
    pathspecs: [],
    runs: 1,
    timeoutSeconds: 60,
    test: { $case: 'run', value: { command: 'true' } },
    title: 'a test',
    suspects: [],
    newWhen: undefined,
    certify: false,
    backportTo: [],
    requiredLabels: [],
    ...more,
  };
}

export const PASS: Outcome = { kind: { $case: 'pass', value: {} } };
export const FAIL: Outcome = { kind: { $case: 'fail', value: {} } };

/** What a test agent makes of a task: the outcome of its trials, of each for itself or of all, or another end of the task. */
export type Answer = Outcome | (() => Outcome) | NonNullable<TaskResult['end']> | 'silence';

/** Kernels for boot tests: the diffs of the range, what each commit's build gives, and what every build consumes. */
export interface Kernels {
  readonly changes: RangeChanges;
  /** The image's name; undefined when the commit does not build, with the fix-ups and the settings that it is given. */
  readonly image: (commit: CommitId, fixups: readonly string[], settings?: Settings) => string | undefined;
  readonly record: BuildRecord;
}

interface Held {
  agent: AgentName;
  lease: LeaseRef;
  task: Task;
}

/** A farm for tests: the real scheduler with its journal in a list, a clock that is set by hand, and agents that answer when told to. */
export class Rig {
  farm: Farm;
  now = 1_000_000;
  readonly journal = new Map<JobId, JobEvent[]>();
  readonly held: Held[] = [];
  /** Every commit that an agent was asked to test, in order. */
  readonly tested: CommitId[] = [];
  readonly effects: Effect[] = [];
  /** The kernels that boot tests build; without them builds are not told of. */
  kernels: Kernels | undefined;
  /** The commits that touch what the new end's crash names. */
  crashSuspects: readonly Suspects[] = [];
  /** The sides of a culprit that is a merge, and what their merges are. */
  sides: Sides = { kind: 'none', reason: 'no trees here' };
  merge: (merging: Merging) => Check = ({ of, onto }) => Check.fromPartial({ of, onto });
  /** What the job asks of the configuration. */
  settings: readonly string[] = [];
  /** What is checked of a culprit. */
  checks: (culprit: CommitId) => readonly Check[] = () => [];
  readonly #ranges = new Map<JobId, Range>();
  #ids = 0;

  constructor() {
    this.farm = this.#newFarm();
  }

  submit(name: string, spec: JobSpec, range: Range): Job {
    const id = jobId(name);
    this.#ranges.set(id, range);
    this.send({ kind: 'submit', job: id, spec });
    return this.job(name);
  }

  job(name: string): Job {
    const job = this.farm.jobs.get(jobId(name));
    if (job === undefined || job instanceof PastJob) throw new Error(`no job ${name}`);
    return job;
  }

  hello(name: string, more: Partial<Hello> = {}): void {
    this.send({
      kind: 'hello',
      hello: {
        name,
        incarnation: '1',
        slots: 1,
        labels: {},
        capabilities: undefined,
        leases: [],
        protocol: 1,
        trees: [],
        ...more,
      },
    });
  }

  send(input: Input): void {
    this.#settle(this.farm.handle(input, this.now));
    this.#settle(this.farm.plan(this.now));
  }

  #settle(output: Output): void {
    for (const [job, { expectedVersion, events }] of output.appends) {
      const stream = this.journal.get(job) ?? [];
      if (stream.length !== expectedVersion)
        throw new Error(`journal has ${stream.length}, not ${expectedVersion}`);
      this.journal.set(job, [...stream, ...events]);
    }
    this.#perform(output.effects);
  }

  /** Time passes, second by second. */
  wait(seconds: number): void {
    for (let n = 0; n < seconds; n++) {
      this.now += 1000;
      this.send({ kind: 'tick' });
    }
  }

  /** The coordinator dies and starts again from its journal. */
  restart(): void {
    this.farm = this.#newFarm();
    for (const [job, events] of this.journal) this.farm.replay(job, events, this.now);
    this.#perform(this.farm.resume());
  }

  /** The agent whose task is `held[n]` answers. */
  answer(n: number, answer: Answer): void {
    const [held] = this.held.splice(n, 1);
    if (held === undefined || answer === 'silence') return;
    const { agent, lease, task } = held;
    this.send({ kind: 'accept', agent, lease });
    if (typeof answer === 'function' || 'kind' in answer) {
      const { commit } = task;
      const first = this.kernels === undefined ? 0 : 1;
      const isBuilt = this.kernels === undefined || this.#build(held, this.kernels);
      const end = isBuilt ? first + task.trials : first;
      for (let seq = first; seq < end; seq++) {
        const result = {
          lease,
          seq,
          commit,
          outcome: typeof answer === 'function' ? answer() : answer,
          console: undefined,
          seconds: 1,
          image: '',
          initramfs: '',
        };
        this.send({ kind: 'trial', agent, result });
      }
      this.send({
        kind: 'task',
        agent,
        result: { lease, seq: end, end: { $case: 'done', value: {} } },
      });
    } else {
      this.send({ kind: 'task', agent, result: { lease, seq: 0, end: answer } });
    }
  }

  /** Agents answer, always the one whose turn `pick` says, until no one has a task. */
  run(oracle: (commit: CommitId, task: Task) => Answer, pick: (n: number) => number = () => 0): void {
    for (let turn = 0; this.held.length > 0; turn++) {
      if (turn > 100_000) throw new Error('the job never ends');
      const n = pick(this.held.length);
      const { task } = this.held[n]!;
      this.answer(n, oracle(commitId(task.commit), task));
    }
  }

  /** Tells of a build as an agent does; says whether there is an image. */
  #build({ agent, lease, task }: Held, { image, record }: Kernels): boolean {
    const known = task.knownImages.find(({ config }) => config === '');
    const name = known?.image?.digest ?? image(commitId(task.commit), task.fixups, task.settings);
    const result = BuildResult.fromPartial({
      lease,
      commit: task.commit,
      recipe: 'recipe',
      cached: known !== undefined,
      equalTo: known?.commit,
      ...(name === undefined
        ? { failure: 'a.c:1: error', failureSignature: 'kernel/a.c: error' }
        : { image: { digest: name }, record: { digest: `record of ${record.config}` } }),
    });
    this.send({ kind: 'build', agent, result });
    return name !== undefined;
  }

  #newFarm(): Farm {
    return new Farm(DEFAULT_TIMING, () => `id${this.#ids++}`);
  }

  #perform(effects: readonly Effect[]): void {
    for (const effect of effects) {
      this.effects.push(effect);
      switch (effect.kind) {
        case 'read-range': {
          const range = this.#ranges.get(effect.job);
          if (range) this.send({ kind: 'range', job: effect.job, range });
          break;
        }
        case 'offer':
          this.tested.push(commitId(effect.task.commit));
          this.held.push({ agent: effect.agent, lease: effect.lease, task: effect.task });
          break;
        case 'withdraw': {
          const n = this.held.findIndex(({ lease }) => lease.lease === effect.lease.lease);
          if (n >= 0) this.held.splice(n, 1);
          break;
        }
        case 'make-checks': {
          const { job, question } = effect;
          const { culprit } = question;
          if (question.kind === 'sides') this.send({ kind: 'sides', job, culprit, sides: this.sides });
          else if (question.kind === 'settings')
            this.send({ kind: 'settings', job, culprit, settings: this.settings });
          else if (question.kind === 'certificate')
            this.send({ kind: 'checks', job, culprit, checks: this.checks(culprit) });
          else this.send({ kind: 'checks', job, culprit, checks: question.merges.map(this.merge) });
          break;
        }
        case 'read-suspects':
          this.send({ kind: 'suspects', job: effect.job, suspects: this.crashSuspects });
          break;
        case 'read-changes':
          this.send({ kind: 'changes', job: effect.job, changes: this.kernels?.changes });
          break;
        case 'read-record': {
          const { job, record } = effect;
          this.send({ kind: 'record', job, digest: record.digest, record: this.kernels?.record });
          break;
        }
        case 'acknowledge':
          break;
      }
    }
  }
}
