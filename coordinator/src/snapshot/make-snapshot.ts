import { digestOf, type Digest } from '@kbisect/shared/digest';
import { JobEvent, JobEvent_Leased, JobEvents } from '@kbisect/shared/gen/kbisect/v1/job';
import type { JobSnapshot } from '@kbisect/shared/gen/kbisect/v1/snapshot';
import type { JobId } from '@kbisect/shared/ids';
import { JobPins } from '../cache/job-pins.js';
import { SCHEMA } from '../journal/upcast.js';
import { inShort } from '../report/summary.js';
import { replayJob } from '../scheduler/replay-job.js';

/** Another one when anything else is made of the same events: what an older program has put down is then made again. */
export const FORMAT = 1;

/** The snapshot of a job; none while it is not over. */
export function makeSnapshot(id: JobId, events: readonly JobEvent[]): JobSnapshot | undefined {
  const job = replayJob(id, events);
  const last = events.at(-1);
  if (!job.over || last === undefined) return undefined;
  const recipes = [...(job.prediction?.builds.recipes ?? [])];
  return {
    format: FORMAT,
    schema: SCHEMA,
    version: job.version,
    last: digestOfEvent(last),
    job: inShort(job),
    endedAt: job.lastAt,
    lastEpoch: job.leases.lastEpoch,
    recipes,
    builds: [...(job.prediction?.builds.all ?? [])].map(([commit, { image, record, recipe, predicted }]) => {
      return { commit, image, record, recipe: recipes.indexOf(recipe), predicted };
    }),
    kept: keptBlobs(id, events).map((blob) => Buffer.from(blob, 'hex')),
    leases: Buffer.from(JobEvents.encode({ first: 0, events: events.flatMap(ofLease) }).finish()),
  };
}

/** What a stream's last event is known by. */
export function digestOfEvent(event: JobEvent): Buffer {
  return Buffer.from(digestOf(JobEvent.encode(event).finish()), 'hex');
}

function keptBlobs(job: JobId, events: readonly JobEvent[]): Digest[] {
  const kept = new Set<Digest>();
  const pins = new JobPins({ pin: (blob) => kept.add(blob), unpin: (blob) => kept.delete(blob) });
  pins.take(job, events);
  return [...kept];
}

/** Who had which lease, from when to when: for what the slots did. */
function ofLease({ at, fact }: JobEvent): JobEvent[] {
  if (fact?.$case === 'leaseEnded') return [{ at, fact: { ...fact, value: { ...fact.value, detail: '' } } }];
  if (fact?.$case !== 'leased') return [];
  const { lease, agent, commit } = fact.value;
  return [{ at, fact: { ...fact, value: JobEvent_Leased.fromPartial({ lease, agent, commit }) } }];
}
