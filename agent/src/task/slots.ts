import type { Task, WarmTree } from '@kbisect/shared/gen/kbisect/v1/session';
import type { Report, TaskEnd, Worker } from '../session/session.js';
import type { BootMeans } from './boot-means.js';
import { bootTask } from './boot-task.js';
import { runTask } from './run-task.js';
import type { Slot } from './slot.js';

/** The agent's slots: each task gets a free one, best one that has worked for its job before, or waits for one. */
export class Slots implements Worker {
  readonly #free: Slot[];
  readonly #lastJob = new Map<Slot, string>();
  readonly #waiting: ((slot: Slot) => void)[] = [];

  constructor(
    private readonly slots: readonly Slot[],
    private readonly means: Omit<BootMeans, 'slot'>,
  ) {
    this.#free = [...slots];
  }

  async work(task: Task, gitUrl: string, report: Report, signal: AbortSignal): Promise<TaskEnd> {
    const slot = await this.#take(task.job);
    try {
      signal.throwIfAborted();
      return await this.#workIn(slot, task, gitUrl, report, signal);
    } finally {
      this.#lastJob.set(slot, task.job);
      const next = this.#waiting.shift();
      if (next) next(slot);
      else this.#free.push(slot);
    }
  }

  trees(): WarmTree[] {
    return this.slots.flatMap(({ builds }) => builds.warm);
  }

  async #workIn(
    slot: Slot,
    task: Task,
    gitUrl: string,
    report: Report,
    signal: AbortSignal,
  ): Promise<TaskEnd> {
    const { test } = task;
    switch (test?.$case) {
      case 'boot':
        return bootTask(task, test.value, { ...this.means, slot }, gitUrl, report, signal);
      case 'run':
        return runTask(task, test.value, slot, gitUrl, report, signal);
      case undefined:
        return {
          $case: 'failed',
          value: { reason: 'a task of a kind that this agent does not know', unfit: true },
        };
    }
  }

  async #take(job: string): Promise<Slot> {
    const warm = this.#free.findIndex((slot) => this.#lastJob.get(slot) === job);
    const [slot] = this.#free.splice(Math.max(0, warm), 1);
    return slot ?? new Promise((resolve) => this.#waiting.push(resolve));
  }
}
