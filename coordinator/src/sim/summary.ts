import type { SimulatedJob } from './simulate-job.js';

/** What many simulated jobs came to. */
export interface SimulationSummary {
  readonly jobs: number;
  readonly correct: number;
  readonly rounds: { readonly mean: number; readonly max: number };
  readonly tests: { readonly mean: number };
  /** Of all jobs together. */
  readonly withdrawn: number;
  readonly virtualSeconds: { readonly mean: number; readonly p95: number };
  readonly firstSelectMs: number;
  readonly reselectMs: { readonly p50: number; readonly p99: number };
  readonly confidence: { readonly mean: number };
}

export function summarize(jobs: readonly SimulatedJob[]): SimulationSummary {
  const rounds = jobs.map((job) => job.rounds);
  const seconds = jobs.map((job) => job.virtualSeconds);
  const reselect = jobs.flatMap((job) => job.selectMs.slice(1));
  return {
    jobs: jobs.length,
    correct: jobs.filter((job) => job.correct).length,
    rounds: { mean: mean(rounds), max: Math.max(...rounds) },
    tests: { mean: mean(jobs.map((job) => job.tests)) },
    withdrawn: jobs.reduce((sum, job) => sum + job.withdrawn, 0),
    virtualSeconds: { mean: mean(seconds), p95: quantile(seconds, 0.95) },
    firstSelectMs: jobs[0]?.selectMs[0] ?? 0,
    reselectMs: { p50: quantile(reselect, 0.5), p99: quantile(reselect, 0.99) },
    confidence: {
      mean: mean(jobs.map(({ conclusion }) => ('confidence' in conclusion ? conclusion.confidence : 1))),
    },
  };
}

/** 0 of no values. */
export function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The smallest value that at least the share `q` of the values does not exceed; 0 of no values. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? 0;
}
