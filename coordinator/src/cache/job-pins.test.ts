import { expect, it } from 'vitest';
import { digestOf, type Digest } from '@kbisect/shared/digest';
import { JobEvent } from '@kbisect/shared/gen/kbisect/v1/job';
import { jobId } from '@kbisect/shared/ids';
import { JobPins } from './job-pins.js';

it('a job keeps all that it names while it runs, and afterwards no images but its culprit’s', () => {
  const pinned = new Set<Digest>();
  const pins = new JobPins({ pin: (digest) => pinned.add(digest), unpin: (digest) => pinned.delete(digest) });
  const blob = (text: string) => ({ digest: digestOf(text), size: 1 });
  const event = (fact: NonNullable<Parameters<typeof JobEvent.create>[0]>['fact']) =>
    JobEvent.create({ fact });
  const boot = { reproducer: { files: [{ name: 'r.c', blob: blob('reproducer') }] } };
  const job = jobId('j1');
  pins.take(job, [
    event({ $case: 'submitted', value: { job, spec: { test: { $case: 'boot', value: boot } } } }),
    event({ $case: 'built', value: { commit: 'c1', image: blob('image 1'), log: blob('log 1') } }),
    event({ $case: 'built', value: { commit: 'c2', image: blob('image 2'), log: blob('log 2') } }),
    event({ $case: 'tried', value: { commit: 'c1', console: blob('console 1') } }),
  ]);
  const all = ['reproducer', 'image 1', 'log 1', 'image 2', 'log 2', 'console 1'];
  expect(pinned).toEqual(new Set(all.map((text) => digestOf(text))));
  pins.take(job, [event({ $case: 'ended', value: { culprit: 'c2' } })]);
  const kept = ['reproducer', 'log 1', 'image 2', 'log 2', 'console 1'];
  expect(pinned).toEqual(new Set(kept.map((text) => digestOf(text))));
});
