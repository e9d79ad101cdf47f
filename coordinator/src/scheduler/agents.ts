import { type Capabilities, type Hello, type Task } from '@kbisect/shared/gen/kbisect/v1/session';
import { agentName, type AgentName, type CommitId, type JobId } from '@kbisect/shared/ids';
import type { Timing } from './timing.js';

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
  #failures = 0;

  constructor(hello: Hello) {
    this.name = agentName(hello.name);
    this.incarnation = hello.incarnation;
    this.slots = hello.slots;
    this.labels = hello.labels;
    this.capabilities = hello.capabilities ?? {
      arches: [],
      compiler: '',
      accelerator: '',
      cpus: 0,
      memoryBytes: 0,
      missing: [],
    };
  }

  /** Whether it has what the task needs. */
  canDo(test: Task['test']): boolean {
    return test?.$case !== 'boot' || this.capabilities.arches.includes(test.value.arch);
  }

  accepts(now: number): boolean {
    return this.connected && !this.draining && now >= this.restUntil;
  }

  succeeded(): void {
    this.#failures = 0;
  }

  /** A task failed for a reason of the machine's own: it rests, longer each time. */
  failed(now: number, timing: Timing): void {
    this.restUntil = now + Math.min(timing.maxRestMs, 1000 * 2 ** this.#failures);
    this.#failures += 1;
  }
}
