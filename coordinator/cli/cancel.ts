import type { Job } from '@kbisect/shared/gen/kbisect/v1/farm';
import { withConnection } from './connection.js';
import { stateWord } from '../src/scheduler/job-state.js';

/** Stops a job; its agents drop what they do for it. */
export function cancelJob(coordinator: string, job: string): Promise<Job> {
  return withConnection(coordinator, (connection) =>
    connection.call<Job>((...rest) => connection.farm.cancel({ job }, ...rest)),
  );
}

/** Stops a job and says so. */
export async function cancel(coordinator: string, job: string): Promise<void> {
  const { id, state } = await cancelJob(coordinator, job);
  process.stdout.write(`job ${id} is ${stateWord(state)}\n`);
}
