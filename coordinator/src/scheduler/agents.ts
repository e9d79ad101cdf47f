import { Capabilities, type Hello, type WarmTree } from '@kbisect/shared/gen/kbisect/v1/session';
import { agentName, type AgentName, type CommitId, type JobId } from '@kbisect/shared/ids';
import type { Job } from './job.js';
import type { Timing } from './timing.js';

/** An agent that failed so many tasks in a row is taken to be what is wrong. */
const FAILING = 3;

/** A machine of the farm, as it described itself. */
export class Agent {
  readonly name: AgentName;
  readonly incarnation: string;
  readonly slots: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly capabilities: Capabilities;
  connected = true;
  draining = false;
  /** Takes no new task before this time, as its last ones failed. */
  restUntil = 0;
  /** The commit it was last sent, for each job: where its worktree stands. */
  readonly lastCommit = new Map<JobId, CommitId>();
  /** Its worktrees with objects, as it last said. */
  trees: readonly WarmTree[];
  #failures = 0;
  #lastFailure = '';

  constructor(hello: Hello) {
    this.name = agentName(hello.name);
    this.incarnation = hello.incarnation;
    this.slots = hello.slots;
    this.labels = hello.labels;
    this.trees = hello.trees;
    this.capabilities = hello.capabilities ?? Capabilities.create();
  }

  /** Whether it has what the job's tests need. */
  canDo({ needs }: Job): boolean {
    return needs.every((need) => need.isMetBy(this));
  }

  /** It has said which trees it has now. */
  has(trees: readonly WarmTree[]): void {
    this.trees = trees;
  }

  /** Commits at which its trees stand in which the job's commits can be built. */
  treesFor({ prediction }: Job): CommitId[] {
    return this.trees
      .filter(({ recipe }) => prediction?.builds.recipes.has(recipe))
      .map(({ commit }) => commit as CommitId);
  }

  /** Whether it takes tasks, now or when it has rested. */
  get isPresent(): boolean {
    return this.connected && !this.draining;
  }

  accepts(now: number): boolean {
    return this.isPresent && now >= this.restUntil;
  }

  /** Why it cannot be relied on, as its last tasks have all failed; until one does not, it is given one at a time. */
  get failing(): string | undefined {
    return this.#failures >= FAILING ? this.#lastFailure : undefined;
  }

  /** How many tasks it may have at a time. */
  get places(): number {
    return this.failing === undefined ? this.slots : 1;
  }

  succeeded(): void {
    this.#failures = 0;
  }

  /** It has failed to do a task: it rests, longer each time. */
  failed(reason: string, now: number, timing: Timing): void {
    this.restUntil = now + Math.min(timing.maxRestMs, 1000 * 2 ** this.#failures);
    this.#failures += 1;
    this.#lastFailure = reason;
  }
}
