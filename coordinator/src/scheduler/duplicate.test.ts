import { Priority, Verdict, type JobSpec } from '@kbisect/shared/gen/kbisect/v1/job';
import { jobId } from '@kbisect/shared/ids';
import { describe, expect, it } from 'vitest';
import { duplicateOf } from './duplicate.js';
import { commit, Rig, straightRange, straightSpec } from './rig.js';

function running() {
  const rig = new Rig();
  rig.submit('job', straightSpec(9, { submitter: 'ann' }), straightRange(9));
  return rig;
}
const found = (rig: Rig, spec: JobSpec) => duplicateOf(spec, rig.farm.running.values())?.id;

describe('a submission', () => {
  it('is a duplicate of the running job that asks the same, whoever asks and whatever it is called', () => {
    expect(found(running(), straightSpec(9, { submitter: 'bob', title: 'another' }))).toBe('job');
  });

  it.each<[string, Partial<JobSpec>]>([
    ['new end', { new: commit(8) }],
    ['old end', { olds: [commit(1)] }],
    ['test', { test: { $case: 'run', value: { command: 'false' } } }],
    ['timeout', { timeoutSeconds: 61 }],
    ['number of runs', { runs: 2 }],
    ['privacy', { private: true }],
    ['machine', { requiredLabels: [{ key: 'site', value: 'basement' }] }],
  ])('of another %s is none', (_what, more) => {
    expect(found(running(), straightSpec(9, more))).toBeUndefined();
  });

  it('joins a job of the same or a higher priority, and none that is served less', () => {
    const rig = running();
    const [low, normal, high] = [Priority.PRIORITY_LOW, Priority.PRIORITY_NORMAL, Priority.PRIORITY_HIGH].map(
      (priority) => found(rig, straightSpec(9, { priority })),
    );
    expect([low, normal, high]).toEqual(['job', 'job', undefined]);
  });

  it('is none of a job that is over', () => {
    const rig = running();
    rig.send({ kind: 'cancel', job: jobId('job') });
    expect(found(rig, straightSpec(9))).toBeUndefined();
  });

  it('is none of a job in which a person has given a verdict', () => {
    const rig = running();
    rig.send({ kind: 'mark', job: jobId('job'), commit: commit(4), verdict: Verdict.VERDICT_OLD, by: 'ann' });
    expect(found(rig, straightSpec(9))).toBeUndefined();
  });
});
