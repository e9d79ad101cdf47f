import type { Agent as ProtoAgent } from '@kbisect/shared/gen/kbisect/v1/farm';
import type { JobId } from '@kbisect/shared/ids';
import type { Farm } from '../scheduler/farm.js';
import type { KnownJob } from '../scheduler/past-job.js';

/** The agents that were seen, and what each does now. @param shown whether what they do for a job may be told */
export function agentsOf({ agents, jobs, leases }: Farm, shown: (job: KnownJob) => boolean): ProtoAgent[] {
  const isShown = (id: JobId) => {
    const job = jobs.get(id);
    return job !== undefined && shown(job);
  };
  return [...agents.values()].map(
    ({ name, labels, capabilities, slots, connected, draining, failing = '' }) => {
      const work = [...leases.live.values()]
        .filter((lease) => lease.agent === name && isShown(lease.job))
        .map(({ job, commit, phase, fraction }) => ({ job, commit, phase, fraction }));
      return { name, labels: { ...labels }, capabilities, slots, connected, draining, work, failing };
    },
  );
}
