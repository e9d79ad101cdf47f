import { digestOf } from '@kbisect/shared/digest';
import {
  BootTest,
  JobEvent_Built,
  JobEvent_Ended,
  JobEvent_Leased,
  JobEvent_Tried,
  JobSpec,
  JobState,
  LeaseEnd,
  Mode,
  Outcome,
  Verdict,
  type BlobRef,
  type JobEvent,
} from '@kbisect/shared/gen/kbisect/v1/job';

/** The journal of a job that built and booted so many kernels, a day or more ago, and found its culprit. */
export function oldJob(job: string, tests: number): JobEvent[] {
  const commit = (n: number) => n.toString(16).padStart(40, '0');
  const blob = (name: string): BlobRef => ({ digest: digestOf(`${job} ${name}`), size: 1000 });
  const spec = JobSpec.fromPartial({
    mode: Mode.MODE_REGRESSION,
    olds: [commit(1)],
    new: commit(2),
    runs: 1,
    timeoutSeconds: 60,
    test: { $case: 'boot', value: BootTest.fromPartial({ arch: 'x86_64' }) },
    title: 'an old job',
  });
  const facts: JobEvent['fact'][] = [
    { $case: 'submitted', value: { job, spec } },
    { $case: 'started', value: { mergeBases: [], candidates: 1000 } },
  ];
  const outcome = Outcome.fromPartial({ kind: { $case: 'pass', value: {} } });
  const machine = { accelerator: 'tcg', arguments: ['-machine', 'q35', '-m', '256', '-append', 'panic=-1'] };
  for (let test = 0; test < tests; test++) {
    const of = { lease: `${job}-${test}`, commit: commit(test + 3), seconds: 1 };
    const built = { image: blob(`image ${test}`), record: blob(`record ${test}`), log: blob(`log ${test}`) };
    const tried = { outcome, console: blob(`console ${test}`), machine, initramfsBlob: blob('initramfs') };
    facts.push(
      {
        $case: 'leased',
        value: JobEvent_Leased.fromPartial({ ...of, epoch: test + 1, agent: 'one', trials: 1 }),
      },
      { $case: 'built', value: JobEvent_Built.fromPartial({ ...of, ...built, recipe: digestOf('recipe') }) },
      { $case: 'tried', value: JobEvent_Tried.fromPartial({ ...of, ...tried }) },
      { $case: 'judged', value: { commit: of.commit, verdict: Verdict.VERDICT_OLD, reason: 'pass' } },
      { $case: 'leaseEnded', value: { lease: of.lease, reason: LeaseEnd.LEASE_END_DONE, detail: '' } },
    );
  }
  const ended = JobEvent_Ended.fromPartial({ state: JobState.JOB_STATE_FOUND, culprit: commit(3) });
  facts.push({ $case: 'ended', value: ended });
  return facts.map((fact) => ({ at: new Date(0), fact }));
}
