import type { Task } from '@kbisect/shared/gen/kbisect/v1/session';
import type { Report, TaskEnd, Worker } from '../session/session.js';
import { bootTask, type BootMeans } from './boot-task.js';
import { runTask } from './run-task.js';
import type { Slot } from './slot.js';

/** The agent's slots: each task gets a free one, the one whose last commit of that job is there first. */
export class Slots implements Worker {
  readonly #free: Slot[];
  readonly #lastJob = new Map<Slot, string>();

  constructor(
    slots: readonly Slot[],
    private readonly means: Omit<BootMeans, 'slot'>,
  ) {
    this.#free = [...slots];
  }

  async work(task: Task, gitUrl: string, report: Report, signal: AbortSignal): Promise<TaskEnd> {
    const slot = this.#take(task.job);
    if (slot === undefined) return { $case: 'failed', value: { reason: 'no free slot' } };
    try {
      switch (task.test?.$case) {
        case 'boot':
          return await bootTask(task, task.test.value, { ...this.means, slot }, gitUrl, report, signal);
        case 'run':
          return await runTask(task, task.test.value, slot, gitUrl, report, signal);
        case undefined:
          return { $case: 'failed', value: { reason: 'a task of a kind that this agent does not know' } };
      }
    } finally {
      this.#lastJob.set(slot, task.job);
      this.#free.push(slot);
    }
  }

  #take(job: string): Slot | undefined {
    const warm = this.#free.findIndex((slot) => this.#lastJob.get(slot) === job);
    return this.#free.splice(Math.max(0, warm), 1)[0];
  }
}
