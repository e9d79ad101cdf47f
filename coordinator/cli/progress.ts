import type { Verdict } from '@kbisect/shared/gen/kbisect/v1/job';
import {
  CheckKind,
  CheckResult,
  LeaseEnd,
  Mode,
  type Check,
  type JobEvent,
  type JobSpec,
  type JobState,
} from '@kbisect/shared/gen/kbisect/v1/job';
import { Progress_Phase } from '@kbisect/shared/gen/kbisect/v1/session';
import type { WatchMessage } from './watch-job.js';

/** What an agent does for the job now. */
export interface Work {
  readonly agent: string;
  readonly commit: string;
  readonly phase: Progress_Phase;
  /** 0..1 within the phase; 0 when not known. */
  readonly fraction: number;
  /** Milliseconds since the epoch. */
  readonly since: number;
  /** What it is expected to take in all, in seconds; 0 when not known. */
  readonly expectedSeconds: number;
}

/** The search for the settings that a culprit takes. */
export interface ConfigProgress {
  readonly all: number;
  readonly enough: number;
  /** Subsets of which one of the two commits has shown what it should. */
  readonly half: ReadonlySet<string>;
}

/** A job as a watcher knows it. */
export interface Progress {
  readonly job: string;
  readonly spec: JobSpec | undefined;
  /** Milliseconds since the epoch; undefined until the first event. */
  readonly submittedAt: number | undefined;
  /** Commits of the range; undefined until it is read. */
  readonly total: number | undefined;
  readonly left: number | undefined;
  readonly expectedRounds: number;
  /** Until the end, as the coordinator foretells it; 0 when it does not. */
  readonly expectedSeconds: number;
  /** By lease. */
  readonly work: ReadonlyMap<string, Work>;
  /** Agents that have worked for the job. */
  readonly agents: ReadonlySet<string>;
  readonly verdicts: ReadonlyMap<string, Verdict>;
  readonly builds: number;
  readonly trials: number;
  readonly cacheHits: number;
  /** What a test takes, in seconds: the later ones count more. */
  readonly testSeconds: number | undefined;
  /** Why the coordinator cannot be heard just now. */
  readonly lost: string | undefined;
  /** Why no agent can work for it. */
  readonly waiting: string | undefined;
  /** The search has ended, and what it found is being checked. */
  readonly certifying: boolean;
  /** All checks so far. */
  readonly checks: readonly Check[];
  /** How many of the settings are enough for the culprit, as far as is known, where that is looked for. */
  readonly config: ConfigProgress | undefined;
  readonly ended: { readonly state: JobState; readonly reason: string } | undefined;
}

/** What is known of a job before its first event. */
export function unknownProgress(job: string): Progress {
  return {
    job,
    spec: undefined,
    submittedAt: undefined,
    total: undefined,
    left: undefined,
    expectedRounds: 0,
    expectedSeconds: 0,
    work: new Map(),
    agents: new Set(),
    verdicts: new Map(),
    builds: 0,
    trials: 0,
    cacheHits: 0,
    testSeconds: undefined,
    lost: undefined,
    waiting: undefined,
    certifying: false,
    checks: [],
    config: undefined,
    ended: undefined,
  };
}

/** The job after one more message. */
export function advance(before: Progress, message: WatchMessage): Progress {
  if (message.$case === 'lost') return { ...before, lost: message.reason };
  const progress = { ...before, lost: undefined };
  switch (message.$case) {
    case 'event':
      return advanceBy(progress, message.value);
    case 'outlook': {
      const { candidatesLeft, expectedRounds, expectedSeconds = 0, waiting } = message.value;
      // Before the range is read there is nothing to look out for.
      return progress.total === undefined
        ? { ...progress, waiting }
        : { ...progress, left: candidatesLeft, expectedRounds, expectedSeconds, waiting };
    }
    case 'activity': {
      const { agent, commit, phase, fraction } = message.value;
      const lease = [...progress.work].find(([, work]) => work.agent === agent && work.commit === commit);
      if (lease === undefined) return progress;
      const work = new Map(progress.work).set(lease[0], { ...lease[1], phase, fraction });
      return { ...progress, work };
    }
  }
}

function advanceBy(progress: Progress, { at, fact }: JobEvent): Progress {
  const now = at?.getTime() ?? 0;
  switch (fact?.$case) {
    case undefined:
      return progress;
    case 'submitted':
      return { ...progress, spec: fact.value.spec, submittedAt: now };
    case 'started':
      return { ...progress, total: fact.value.candidates, left: progress.left ?? fact.value.candidates };
    case 'leased': {
      const { lease, agent, commit, expectedSeconds } = fact.value;
      const started = {
        agent,
        commit,
        phase: Progress_Phase.PHASE_UNSPECIFIED,
        fraction: 0,
        since: now,
        expectedSeconds,
      };
      return {
        ...progress,
        work: new Map(progress.work).set(lease, started),
        agents: new Set(progress.agents).add(agent),
      };
    }
    case 'leaseEnded': {
      const { lease, reason } = fact.value;
      const ended = progress.work.get(lease);
      const work = new Map(progress.work);
      work.delete(lease);
      if (ended === undefined || reason !== LeaseEnd.LEASE_END_DONE) return { ...progress, work };
      const seconds = (now - ended.since) / 1000;
      const mean = progress.testSeconds === undefined ? seconds : (progress.testSeconds + seconds) / 2;
      return { ...progress, work, testSeconds: mean };
    }
    case 'built':
      return fact.value.cached
        ? { ...progress, cacheHits: progress.cacheHits + 1 }
        : { ...progress, builds: progress.builds + 1 };
    case 'marked':
      // What had been found has to follow anew.
      return { ...progress, certifying: false };
    case 'rerun':
    case 'collapsed':
    case 'refuted':
    case 'mended':
      return progress;
    case 'checking':
      return { ...progress, certifying: true, checks: [...progress.checks, ...fact.value.checks] };
    case 'minimising': {
      const all = fact.value.settings.length;
      return { ...progress, config: { all, enough: all, half: new Set() } };
    }
    case 'checked': {
      const check = progress.checks[fact.value.check];
      if (check?.kind === CheckKind.CHECK_KIND_CONFIG)
        return { ...progress, config: configAfter(progress, check, fact.value.result) };
      const failed = fact.value.result === CheckResult.CHECK_RESULT_FAIL;
      return failed ? { ...progress, certifying: false } : progress;
    }
    case 'tried':
      return { ...progress, trials: progress.trials + 1 };
    case 'judged': {
      const { commit, verdict } = fact.value;
      return { ...progress, verdicts: new Map(progress.verdicts).set(commit, verdict) };
    }
    case 'ended': {
      const { state, reason } = fact.value;
      return { ...progress, work: new Map(), ended: { state, reason } };
    }
  }
}

/** What is known of the settings when one more check of them has come to something. */
export function configAfter(
  { config }: Progress,
  { settings }: Check,
  result: CheckResult,
): ConfigProgress | undefined {
  if (config === undefined || result !== CheckResult.CHECK_RESULT_PASS) return config;
  const { half, enough } = config;
  const subset = settings.join();
  if (half.has(subset)) return { ...config, enough: Math.min(enough, settings.length) };
  return { ...config, half: new Set(half).add(subset) };
}

/** Where a job stands, in a few words. */
export function stage({
  spec,
  total,
  verdicts,
  certifying,
  config,
}: Progress): 'preparing' | 'proving' | 'searching' | 'certifying' | 'minimising' {
  if (spec === undefined || total === undefined) return 'preparing';
  if (certifying) return config === undefined ? 'certifying' : 'minimising';
  return [spec.new, ...spec.olds].every((end) => verdicts.has(end)) ? 'searching' : 'proving';
}

/** Seconds that the job will still take, as far as can be told: rounds to come times what a test takes. */
export function secondsLeft(progress: Progress): number | undefined {
  const { testSeconds, expectedRounds, expectedSeconds } = progress;
  if (expectedSeconds > 0) return expectedSeconds;
  return testSeconds === undefined ? undefined : expectedRounds * testSeconds;
}

export function modeOf({ spec }: Progress): Mode {
  return spec?.mode ?? Mode.MODE_ANY;
}
