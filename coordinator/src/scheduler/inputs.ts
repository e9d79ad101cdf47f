import type { BuildRecord } from '@kbisect/shared/build-record';
import type { Check, JobSpec, Verdict } from '@kbisect/shared/gen/kbisect/v1/job';
import type {
  BuildResult,
  Hello,
  LeaseRef,
  Progress,
  TaskResult,
  TrialResult,
  WarmTree,
} from '@kbisect/shared/gen/kbisect/v1/session';
import type { AgentName, CommitId, JobId } from '@kbisect/shared/ids';
import type { RangeChanges } from '../classes/prediction.js';
import type { Suspects } from '../search/priors.js';
import type { Sides } from './pair-search.js';
import type { Range } from './range.js';

/** What the scheduler is told. */
export type Input =
  | { kind: 'submit'; job: JobId; spec: JobSpec }
  | { kind: 'range'; job: JobId; range: Range }
  /** The range's diffs; none when they cannot be read, and nothing is foretold then. */
  | { kind: 'changes'; job: JobId; changes: RangeChanges | undefined }
  /** A build's record; none when it cannot be read. */
  | { kind: 'record'; job: JobId; digest: string; record: BuildRecord | undefined }
  /** Commits that touch what the new end's crash names. */
  | { kind: 'suspects'; job: JobId; suspects: readonly Suspects[] }
  /** What is to be checked of a culprit. */
  | { kind: 'checks'; job: JobId; culprit: CommitId; checks: readonly Check[] }
  /** The sides of a culprit that is a merge. */
  | { kind: 'sides'; job: JobId; culprit: CommitId; sides: Sides }
  /** What the job asks of the configuration, as lines of a config. */
  | { kind: 'settings'; job: JobId; culprit: CommitId; settings: readonly string[] }
  | { kind: 'range-unreadable'; job: JobId; reason: string }
  | { kind: 'cancel'; job: JobId }
  | { kind: 'mark'; job: JobId; commit: CommitId; verdict: Verdict; by: string }
  | { kind: 'rerun'; job: JobId; commit: CommitId; by: string }
  | { kind: 'hello'; hello: Hello }
  | { kind: 'gone'; agent: AgentName; incarnation: string }
  | { kind: 'drain'; agent: AgentName }
  | { kind: 'heartbeat'; agent: AgentName; leases: readonly LeaseRef[]; trees: readonly WarmTree[] }
  | { kind: 'accept'; agent: AgentName; lease: LeaseRef }
  | { kind: 'progress'; agent: AgentName; progress: Progress }
  | { kind: 'build'; agent: AgentName; result: BuildResult }
  | { kind: 'trial'; agent: AgentName; result: TrialResult }
  | { kind: 'task'; agent: AgentName; result: TaskResult }
  | { kind: 'tick' };
