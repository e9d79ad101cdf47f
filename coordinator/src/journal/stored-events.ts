import { JobEvent, JobEvents } from '@kbisect/shared/gen/kbisect/v1/job';
import type { JobId } from '@kbisect/shared/ids';
import { SCHEMA, upcast } from './upcast.js';

// Events as the engines of the journal keep them: written in the latest schema, read from any.

export function encodeEvent(event: JobEvent): Buffer {
  return Buffer.from(JobEvent.encode({ ...event, schema: SCHEMA }).finish());
}

/** @throws KbisectError `failed-precondition` when a newer kbisect has written it */
export function decodeEvent(job: JobId, bytes: Uint8Array): JobEvent {
  return upcast(job, JobEvent.decode(bytes));
}

/** @param first how many events the job had before */
export function encodeAppend(first: number, events: readonly JobEvent[]): Uint8Array {
  const stored = events.map((event) => ({ ...event, schema: SCHEMA }));
  return JobEvents.encode({ first, events: stored }).finish();
}

/** @throws KbisectError `failed-precondition` when a newer kbisect has written it */
export function decodeAppend(job: JobId, bytes: Uint8Array): JobEvents {
  const { first, events } = JobEvents.decode(bytes);
  return { first, events: events.map((event) => upcast(job, event)) };
}
