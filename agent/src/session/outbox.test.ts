import { describe, expect, it } from 'vitest';
import { BuildResult } from '@kbisect/shared/gen/kbisect/v1/session';
import { Outbox, type Result } from './outbox.js';

const lease = { lease: 'a1', epoch: 7 };
const build: Result = {
  $case: 'build',
  value: BuildResult.create({ commit: 'c', failure: 'x', seconds: 1 }),
};
const end: Result = { $case: 'task', value: { end: { $case: 'done', value: {} } } };

describe('the outbox', () => {
  it('numbers the results of a lease and keeps them until they are acknowledged', () => {
    const outbox = new Outbox();
    outbox.open(lease);
    expect(outbox.add(lease, build)).toMatchObject({ $case: 'build', value: { lease, seq: 0 } });
    expect(outbox.add(lease, end)).toMatchObject({ $case: 'task', value: { lease, seq: 1 } });
    expect(outbox.unacknowledged().map((message) => message.$case)).toEqual(['build', 'task']);
    outbox.acknowledge(lease, 0);
    expect(outbox.unacknowledged().map((message) => message.$case)).toEqual(['task']);
    expect(outbox.leases()).toEqual([lease]);
  });

  it('forgets a lease when its end is acknowledged', () => {
    const outbox = new Outbox();
    outbox.open(lease);
    outbox.add(lease, end);
    outbox.acknowledge(lease, 0);
    expect(outbox.leases()).toEqual([]);
  });

  it('sends nothing more of a lease that was withdrawn', () => {
    const outbox = new Outbox();
    outbox.open(lease);
    outbox.add(lease, build);
    outbox.drop(lease);
    expect(outbox.unacknowledged()).toEqual([]);
    expect(outbox.add(lease, end)).toBeUndefined();
  });
});
