import { expect, it } from 'vitest';
import { JobEvent_Leased, LeaseEnd, type JobEvent } from '@kbisect/shared/gen/kbisect/v1/job';
import { jobId } from '@kbisect/shared/ids';
import { SlotHistory } from './slot-history.js';

const job = jobId('job');
const leased = (lease: string, agent: string, second: number): JobEvent => ({
  at: new Date(second * 1000),
  fact: { $case: 'leased', value: JobEvent_Leased.fromPartial({ lease, agent, commit: 'c', epoch: 1 }) },
});
const over = (lease: string, second: number, reason = LeaseEnd.LEASE_END_DONE): JobEvent => ({
  at: new Date(second * 1000),
  fact: { $case: 'leaseEnded', value: { lease, reason, detail: '' } },
});

it('what the slots of an agent did: each lease on the lowest slot that is free', () => {
  const history = new SlotHistory();
  history.take(job, [leased('a', 'one', 1), leased('b', 'one', 2), leased('c', 'two', 2)]);
  history.take(job, [over('a', 5), leased('d', 'one', 6)]);
  const spans = new Map(history.since(0).map((span) => [span.lease, span]));
  expect(spans.get('a')).toMatchObject({ slot: 0, from: 1000, to: 5000, end: 'done' });
  expect(spans.get('b')).toMatchObject({ slot: 1, from: 2000 });
  expect(spans.get('c')).toMatchObject({ agent: 'two', slot: 0 });
  expect(spans.get('d')).toMatchObject({ slot: 0, from: 6000 });
});

it('tells what has changed since', () => {
  const history = new SlotHistory();
  history.take(job, [leased('a', 'one', 1), leased('b', 'one', 2)]);
  const { change } = history;
  expect(history.since(change)).toEqual([]);
  history.take(job, [over('a', 3, LeaseEnd.LEASE_END_EXPIRED)]);
  expect(history.since(change)).toEqual([expect.objectContaining({ lease: 'a', end: 'expired' })]);
});

it('forgets the oldest that are over, and none that lasts', () => {
  const history = new SlotHistory();
  history.take(job, [leased('first', 'one', 0)]);
  for (let n = 0; n < 6000; n++) history.take(job, [leased(`l${n}`, 'two', n), over(`l${n}`, n)]);
  const spans = history.since(0);
  expect(spans).toHaveLength(5000);
  expect(spans.map(({ lease }) => lease)).toContain('first');
});
