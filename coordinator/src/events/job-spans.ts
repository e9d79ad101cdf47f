import type { JobEvent } from '@kbisect/shared/gen/kbisect/v1/job';
import { LeaseEnd } from '@kbisect/shared/gen/kbisect/v1/job';
import { stateWord } from '../scheduler/job-state.js';

/** A stretch of time of a job, with those within it. */
export interface JobSpan {
  readonly name: 'job' | 'test' | 'build' | 'boot';
  readonly from: Date;
  readonly to: Date;
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
  readonly failed: boolean;
  readonly within: readonly JobSpan[];
}

/**
 * What a job's time went to, from its journal: the job, in it each test of a commit by an agent, in that its build and its
 * boots.
 * @param events all of a job that is over, in order
 */
export function jobSpans(job: string, events: readonly JobEvent[]): JobSpan | undefined {
  const first = events[0];
  const last = events.at(-1);
  if (first?.fact?.$case !== 'submitted' || last?.fact?.$case !== 'ended' || !first.at || !last.at)
    return undefined;
  const { state, culprit, reason } = last.fact.value;
  return {
    name: 'job',
    from: first.at,
    to: last.at,
    failed: false,
    attributes: {
      'kbisect.job': job,
      'kbisect.title': first.fact.value.spec?.title ?? '',
      'kbisect.state': stateWord(state),
      'kbisect.culprit': culprit,
      'kbisect.reason': reason,
    },
    within: tests(events),
  };
}

function tests(events: readonly JobEvent[]): JobSpan[] {
  const begun = new Map<string, JobSpan & { within: JobSpan[] }>();
  const ended: JobSpan[] = [];
  for (const { at: to, fact } of events) {
    if (to === undefined) continue;
    if (fact?.$case === 'leased') {
      const { lease, agent, commit } = fact.value;
      const attributes = { 'kbisect.lease': lease, 'kbisect.agent': agent, 'kbisect.commit': commit };
      begun.set(lease, { name: 'test', from: to, to, attributes, failed: false, within: [] });
    } else if (fact?.$case === 'built') {
      const { lease, seconds, cached, commit, failure } = fact.value;
      const attributes = { 'kbisect.commit': commit, 'kbisect.cached': cached, 'kbisect.failure': failure };
      const span = { ...lasting(seconds, to), attributes, failed: failure !== '', within: [] };
      begun.get(lease)?.within.push({ name: 'build', ...span });
    } else if (fact?.$case === 'tried') {
      const { lease, seconds, commit, outcome } = fact.value;
      const attributes = { 'kbisect.commit': commit, 'kbisect.outcome': outcome?.kind?.$case ?? '' };
      const span = { ...lasting(seconds, to), attributes, failed: false, within: [] };
      begun.get(lease)?.within.push({ name: 'boot', ...span });
    } else if (fact?.$case === 'leaseEnded') {
      const { lease, reason, detail } = fact.value;
      const test = begun.get(lease);
      if (test === undefined) continue;
      const attributes = { ...test.attributes, 'kbisect.end': reason, 'kbisect.detail': detail };
      const failed = reason !== LeaseEnd.LEASE_END_DONE && reason !== LeaseEnd.LEASE_END_WITHDRAWN;
      ended.push({ ...test, to, attributes, failed });
    }
  }
  return ended;
}

function lasting(seconds: number, to: Date): { from: Date; to: Date } {
  return { from: new Date(to.getTime() - seconds * 1000), to };
}
