import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { DiskCache } from '@kbisect/shared/cache/disk-cache';
import type { DoorStatistics } from '@kbisect/shared/cache/door-statistics';
import type { JobEvent, LeaseEnd } from '@kbisect/shared/gen/kbisect/v1/job';
import type { Farm } from '../scheduler/farm.js';
import { stateWord } from '../scheduler/job-state.js';

/** What the figures are read off. */
export interface MetricsParts {
  readonly farm: Pick<Farm, 'jobs' | 'agents' | 'leases'>;
  readonly files: Pick<DiskCache['files'], 'usage'>;
  readonly doors: readonly DoorStatistics[];
  readonly now: () => number;
}

/** The farm in figures, as Prometheus reads them. Names and labels are an interface: dashboards and alerts rest on them. */
export class FarmMetrics {
  readonly #registry = new Registry();
  readonly #own = { registers: [this.#registry] };
  readonly #ended = new Counter({
    ...this.#own,
    name: 'kbisect_jobs_ended_total',
    help: 'Jobs that ended since the coordinator started, by how.',
    labelNames: ['state'],
  });
  readonly #builds = new Histogram({
    ...this.#own,
    name: 'kbisect_build_seconds',
    help: 'Time of builds that were done, by whether there is an image.',
    labelNames: ['result'],
    buckets: [5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560],
  });
  readonly #spared = new Counter({
    ...this.#own,
    name: 'kbisect_builds_spared_total',
    help: 'Images that did not have to be built: known to the cache, or equal to another commit’s.',
  });
  readonly #trials = new Histogram({
    ...this.#own,
    name: 'kbisect_trial_seconds',
    help: 'Time of trials, by outcome.',
    labelNames: ['outcome'],
    buckets: [0.5, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512],
  });
  readonly #leases = new Counter({
    ...this.#own,
    name: 'kbisect_leases_ended_total',
    help: 'Leases that ended, by agent and by how.',
    labelNames: ['agent', 'reason'],
  });
  /** The agent of each lease that has not ended. */
  readonly #agentOf = new Map<string, string>();

  constructor(private readonly parts: MetricsParts) {
    const { farm, files, doors } = parts;
    this.#gauge('kbisect_jobs', 'Jobs by state.', ['state'], (gauge) => {
      for (const job of farm.jobs.values()) gauge.inc({ state: stateWord(job.state) });
    });
    this.#gauge('kbisect_agent_up', 'Whether an agent that was seen is connected.', ['agent'], (gauge) => {
      for (const { name, connected } of farm.agents.values()) gauge.set({ agent: name }, connected ? 1 : 0);
    });
    this.#gauge('kbisect_agent_slots', 'Tests that an agent does at a time.', ['agent'], (gauge) => {
      for (const { name, slots } of farm.agents.values()) gauge.set({ agent: name }, slots);
    });
    this.#gauge('kbisect_agent_slots_busy', 'Those of them that have a lease.', ['agent'], (gauge) => {
      for (const { name } of farm.agents.values()) gauge.set({ agent: name }, 0);
      for (const { agent } of farm.leases.live.values()) gauge.inc({ agent });
    });
    this.#gauge(
      'kbisect_agent_resting',
      'Whether an agent rests, as its tasks failed.',
      ['agent'],
      (gauge) => {
        for (const { name, restUntil, failing } of farm.agents.values())
          gauge.set({ agent: name }, failing !== undefined || restUntil > parts.now() ? 1 : 0);
      },
    );
    this.#gauge('kbisect_cache_bytes', 'What the cache keeps, and its limit.', ['what'], (gauge) => {
      const { bytes, heldBytes, bounds } = files.usage;
      gauge.set({ what: 'kept' }, bytes);
      gauge.set({ what: 'held' }, heldBytes);
      gauge.set({ what: 'limit' }, bounds.hardBytes);
    });
    this.#gauge(
      'kbisect_cache_asked',
      'Action results asked for since the start, by door.',
      ['door', 'result'],
      (gauge) => {
        for (const { name: door, hits, misses } of doors) {
          gauge.set({ door, result: 'hit' }, hits);
          gauge.set({ door, result: 'miss' }, misses);
        }
      },
    );
  }

  /** Takes in what was written down. */
  happened({ fact }: JobEvent): void {
    switch (fact?.$case) {
      case 'leased':
        this.#agentOf.set(fact.value.lease, fact.value.agent);
        return;
      case 'leaseEnded': {
        const { lease, reason } = fact.value;
        this.#leases.inc({ agent: this.#agentOf.get(lease) ?? '', reason: leaseEndWord(reason) });
        this.#agentOf.delete(lease);
        return;
      }
      case 'built': {
        const { cached, seconds, image, equalTo } = fact.value;
        if (cached || equalTo !== undefined) this.#spared.inc();
        else this.#builds.observe({ result: image === undefined ? 'failed' : 'image' }, seconds);
        return;
      }
      case 'tried':
        this.#trials.observe({ outcome: fact.value.outcome?.kind?.$case ?? '' }, fact.value.seconds);
        return;
      case 'ended':
        this.#ended.inc({ state: stateWord(fact.value.state) });
        return;
      case 'submitted':
      case 'started':
      case 'collapsed':
      case 'refuted':
      case 'judged':
      case 'marked':
      case 'rerun':
      case 'mended':
      case 'checking':
      case 'checked':
      case 'minimising':
      case undefined:
        return;
    }
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** All figures in Prometheus' text format. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  #gauge<T extends string>(
    name: string,
    help: string,
    labelNames: T[],
    read: (gauge: Gauge<T>) => void,
  ): void {
    new Gauge({
      ...this.#own,
      name,
      help,
      labelNames,
      collect() {
        this.reset();
        read(this);
      },
    });
  }
}

/** How a lease ended as a label: `done`, `expired`. */
function leaseEndWord(reason: LeaseEnd): string {
  return reason.replace(/^LEASE_END_/, '').toLowerCase();
}
