import type { Farm } from '../scheduler/farm.js';
import type { Lease } from '../scheduler/leases.js';
import { waitingFor } from '../scheduler/needs.js';
import { PastJob, type KnownJob } from '../scheduler/past-job.js';

/** What agents do for a job now, and what is to come. */
export interface Activity {
  readonly work: readonly Lease[];
  /** Commits that could still be the culprit. */
  readonly left: number;
  /** Rounds and seconds that the search is expected to take with the agents that there are; 0 when not known. */
  readonly rounds: number;
  readonly seconds: number;
  /** Why no agent can work for it. */
  readonly waiting: string | undefined;
}

export function activityOf(job: KnownJob, { agents, leases }: Farm): Activity {
  if (job instanceof PastJob) return { work: [], left: 0, rounds: 0, seconds: 0, waiting: undefined };
  const able = [...agents.values()].filter((agent) => agent.connected && agent.canDo(job));
  const slots = able.reduce((sum, agent) => sum + agent.slots, 0);
  const trees = job.prediction === undefined ? [] : able.flatMap((agent) => agent.treesFor(job));
  return {
    work: job.leases.live.flatMap(({ id }) => leases.live.get(id) ?? []),
    left: job.remaining,
    rounds: job.tests.expectedRounds(slots),
    seconds: job.tests.expectedSeconds(slots, trees),
    waiting: waitingFor(job, agents.values()),
  };
}
