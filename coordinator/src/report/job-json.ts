import type { Job } from '@kbisect/shared/gen/kbisect/v1/farm';
import { JobState } from '@kbisect/shared/gen/kbisect/v1/job';
import { labelText } from '@kbisect/shared/label';
import { isOver, stateWord } from '../scheduler/job-state.js';
import { priorityWord, type PriorityWord } from '../scheduler/priority.js';

/** A job as scripts read it (`--json`) and the dashboard. */
export interface JobResult {
  readonly job: string;
  readonly title: string;
  readonly state: string;
  /** Why nothing is done for it; absent when it does not wait. */
  readonly waiting?: string;
  readonly priority: PriorityWord;
  /** Labels of the agents that its tests are for, `KEY=VALUE`; none for any agent. */
  readonly requires: readonly string[];
  readonly culprit: { readonly commit: string; readonly subject: string } | null;
  /** What the culprit could be; only when the job ended ambiguous. */
  readonly candidates?: readonly string[];
  readonly candidatesLeft?: number;
  /** The settings that the culprit takes, as lines of a config; only where that was asked. */
  readonly minimalConfig?: { readonly settings: readonly string[]; readonly minimal: boolean };
  /** How likely it is right, 0 to 1; only where trials of one commit may disagree. */
  readonly confidence?: number;
  readonly reason: string;
  readonly builds: number;
  readonly trials: number;
  readonly cacheHits: number;
  /** Different images that the range and its ends give; 0 when not known. */
  readonly classes: number;
  /** Predictions that an audit compared with builds, and how many were wrong. */
  readonly audit?: { readonly compared: number; readonly wrong: number };
  readonly seconds: number;
}

export function jobResult(job: Job): JobResult {
  return {
    job: job.id,
    title: job.title,
    state: stateWord(job.state),
    ...(job.waiting !== undefined && { waiting: job.waiting }),
    priority: priorityWord(job.spec?.priority),
    requires: job.spec?.requiredLabels.map(labelText) ?? [],
    culprit: job.culprit === '' ? null : { commit: job.culprit, subject: job.culpritSubject },
    ...(job.state === JobState.JOB_STATE_AMBIGUOUS && { candidates: job.candidates }),
    ...(!isOver(job.state) && { candidatesLeft: job.candidatesLeft }),
    ...(job.minimalConfig && {
      minimalConfig: { settings: job.minimalConfig.settings, minimal: job.minimalConfig.minimal },
    }),
    ...(job.confidence !== undefined && { confidence: job.confidence }),
    reason: job.reason,
    builds: job.builds,
    trials: job.trials,
    cacheHits: job.cacheHits,
    classes: job.classes ?? 0,
    ...(job.audited !== undefined && { audit: { compared: job.audited, wrong: job.refuted ?? 0 } }),
    seconds: job.seconds,
  };
}
