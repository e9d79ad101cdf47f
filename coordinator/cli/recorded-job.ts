import type { Mode } from '@kbisect/shared/gen/kbisect/v1/job';
import {
  JobEvent_Leased,
  JobState,
  LeaseEnd,
  Verdict,
  type JobEvent,
  type JobSpec,
} from '@kbisect/shared/gen/kbisect/v1/job';
import { Progress_Phase } from '@kbisect/shared/gen/kbisect/v1/session';
import type { WatchMessage } from './watch-job.js';

// A job as a coordinator told it, for the tests of what is shown.

const START = Date.UTC(2026, 0, 5, 9, 0, 0);
const OLD = '1'.repeat(40);
const NEW = '2'.repeat(40);
const MIDDLE = '3'.repeat(40);
const OTHER = '4'.repeat(40);

/** Milliseconds since the epoch, so many seconds after the job was submitted. */
export const at = (seconds: number) => START + seconds * 1000;

export const event = (seconds: number, fact: NonNullable<JobEvent['fact']>): WatchMessage => ({
  $case: 'event',
  value: { at: new Date(at(seconds)), fact },
});

export const leased = (seconds: number, lease: string, agent: string, commit: string) =>
  event(seconds, {
    $case: 'leased',
    value: JobEvent_Leased.fromPartial({ lease, epoch: 1, commit, agent }),
  });
const done = (seconds: number, lease: string) =>
  event(seconds, { $case: 'leaseEnded', value: { lease, reason: LeaseEnd.LEASE_END_DONE, detail: '' } });
const judged = (seconds: number, commit: string, verdict: Verdict) =>
  event(seconds, { $case: 'judged', value: { commit, verdict, reason: 'crash: BUG: \u001b[2Jin foo' } });
const outlook = (candidatesLeft: number, expectedRounds: number): WatchMessage => ({
  $case: 'outlook',
  value: { candidatesLeft, expectedRounds },
});

const spec = (mode: Mode): JobSpec => ({
  mode,
  olds: [OLD],
  new: NEW,
  firstParent: false,
  pathspecs: [],
  suspects: [],
  runs: 1,
  timeoutSeconds: 60,
  test: undefined,
  title: 'linux v6.1..v6.2: crash.c \u001b]0;owned\u0007',
  newWhen: undefined,
  backportTo: [],
  requiredLabels: [],
});

const blob = { digest: '5'.repeat(64), size: 7 };

/** A job of two agents, told up to the middle of its search: 165 candidates, of which 41 are left. */
export function recordedJob(mode: Mode): WatchMessage[] {
  return [
    event(0, { $case: 'submitted', value: { job: '3f9a0c1b22', spec: spec(mode) } }),
    outlook(0, 0),
    event(1, { $case: 'started', value: { mergeBases: [], candidates: 165 } }),
    outlook(165, 5),
    leased(2, 'a', 'agent-1', NEW),
    leased(2, 'b', 'agent-2', OLD),
    event(130, {
      $case: 'built',
      value: {
        lease: 'a',
        commit: NEW,
        image: blob,
        failure: '',
        log: undefined,
        cached: false,
        seconds: 128,
      },
    }),
    event(131, {
      $case: 'tried',
      value: {
        lease: 'a',
        commit: NEW,
        outcome: { kind: { $case: 'crash', value: { signature: 'BUG: in foo' } } },
        console: blob,
        seconds: 1,
        image: blob.digest,
        initramfs: blob.digest,
      },
    }),
    done(132, 'a'),
    done(142, 'b'),
    judged(142, NEW, Verdict.VERDICT_NEW),
    judged(142, OLD, Verdict.VERDICT_OLD),
    leased(143, 'c', 'agent-1', MIDDLE),
    leased(143, 'd', 'agent-2', OTHER),
    outlook(41, 3.4),
    {
      $case: 'activity',
      value: { agent: 'agent-1', commit: MIDDLE, phase: Progress_Phase.PHASE_BUILD, fraction: 0.62 },
    },
    {
      $case: 'activity',
      value: { agent: 'agent-2', commit: OTHER, phase: Progress_Phase.PHASE_BOOT, fraction: 0 },
    },
  ];
}

/** How it ended. */
export const recordedEnd: WatchMessage = event(200, {
  $case: 'ended',
  value: { state: JobState.JOB_STATE_FOUND, culprit: MIDDLE, candidates: [], reason: '', pair: [] },
});
