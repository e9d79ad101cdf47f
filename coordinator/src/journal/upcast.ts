import { KbisectError } from '@kbisect/shared/errors';
import type { JobEvent } from '@kbisect/shared/gen/kbisect/v1/job';
import type { JobId } from '@kbisect/shared/ids';

type Fact = JobEvent['fact'];

/** What makes facts of one schema facts of the next: the first those of schema 0, and so on. */
const UPCASTERS: readonly ((fact: Fact) => Fact)[] = [leasesSayTheirTrials];

/** The schema in which events are written. */
export const SCHEMA = UPCASTERS.length;

/**
 * An event as this program knows events, whatever schema it was written in.
 * @throws KbisectError `failed-precondition` when it is of a schema that came after this program
 */
export function upcast(job: JobId, { at, fact, schema = 0 }: JobEvent): JobEvent {
  if (schema === SCHEMA) return { at, fact };
  if (schema < SCHEMA) {
    return { at, fact: UPCASTERS.slice(schema).reduce((known, upcaster) => upcaster(known), fact) };
  }
  throw new KbisectError(
    'failed-precondition',
    `the journal of job ${job} has events of schema ${schema}, written by a newer kbisect; this one knows those up to ${SCHEMA}: upgrade it`,
  );
}

/** A lease that says nothing of trials, and is not for an audit, which boots nothing, is from when each was for one. */
function leasesSayTheirTrials(fact: Fact): Fact {
  if (fact?.$case !== 'leased' || fact.value.audit || fact.value.trials > 0) return fact;
  return { $case: 'leased', value: { ...fact.value, trials: 1 } };
}
