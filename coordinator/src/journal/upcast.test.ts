import { expect, it } from 'vitest';
import { JobEvent_Leased, type JobEvent } from '@kbisect/shared/gen/kbisect/v1/job';
import { jobId } from '@kbisect/shared/ids';
import { SCHEMA, upcast } from './upcast.js';

const job = jobId('a1');
const leased = (value: Partial<JobEvent_Leased>, schema?: number): JobEvent => ({
  at: new Date(0),
  fact: { $case: 'leased', value: JobEvent_Leased.fromPartial({ lease: 'l', ...value }) },
  ...(schema === undefined ? {} : { schema }),
});

it('a lease of before trials were counted is for one, an audit for none', () => {
  expect(upcast(job, leased({}))).toEqual(leased({ trials: 1 }));
  expect(upcast(job, leased({ trials: 5 }))).toEqual(leased({ trials: 5 }));
  expect(upcast(job, leased({ audit: true }))).toEqual(leased({ audit: true }));
});

it('an event of the latest schema is what it says', () => {
  expect(upcast(job, leased({}, SCHEMA))).toEqual(leased({}));
});

it('an event of a schema that is not known yet is refused', () => {
  expect(() => upcast(job, leased({}, SCHEMA + 1))).toThrow(/job a1 .* newer kbisect.*: upgrade it/);
});
