import type { Farm } from '../scheduler/farm.js';
import type { Job } from '../scheduler/job.js';
import type { Lease } from '../scheduler/leases.js';

/** What agents do for a job now, and what is to come. */
export interface Activity {
  readonly work: readonly Lease[];
  /** Commits that could still be the culprit. */
  readonly left: number;
  /** Rounds and seconds that the search is expected to take with the agents that there are; 0 when not known. */
  readonly rounds: number;
  readonly seconds: number;
}

export function activityOf(job: Job, { agents, leases }: Farm): Activity {
  const connected = [...agents.values()].filter((agent) => agent.connected);
  const slots = connected.reduce((sum, agent) => sum + agent.slots, 0);
  const trees = job.prediction === undefined ? [] : connected.flatMap((agent) => agent.treesFor(job));
  return {
    work: job.leases.live.flatMap(({ id }) => leases.live.get(id) ?? []),
    left: job.remaining,
    rounds: job.expectedRounds(slots),
    seconds: job.expectedSeconds(slots, trees),
  };
}
