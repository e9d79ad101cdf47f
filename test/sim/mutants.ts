import type { Journal } from '@kbisect/coordinator/journal/journal';
import { Farm } from '@kbisect/coordinator/scheduler/farm';
import type { Input } from '@kbisect/coordinator/scheduler/inputs';
import type { Job } from '@kbisect/coordinator/scheduler/job';
import type { Output } from '@kbisect/coordinator/scheduler/output';
import type { Timing } from '@kbisect/coordinator/scheduler/timing';
import { type JobEvent } from '@kbisect/shared/gen/kbisect/v1/job';
import type { JobSnapshot } from '@kbisect/shared/gen/kbisect/v1/snapshot';
import type { CoordinatorMessage, LeaseRef } from '@kbisect/shared/gen/kbisect/v1/session';
import type { AgentName, CommitId, JobId, LeaseId } from '@kbisect/shared/ids';

/** The farm with a fault planted in it. */
export interface Mutant {
  readonly farm: (timing: Timing, newId: () => string) => Farm;
  readonly journal: (journal: Journal) => Journal;
  /** What the coordinator's words become on their way out; undefined for nothing at all. */
  readonly says: (message: CoordinatorMessage) => CoordinatorMessage | undefined;
}

/** The farm as it is. */
export const SOUND: Mutant = {
  farm: (timing, newId) => new Farm(timing, newId),
  journal: (journal) => journal,
  says: (message) => message,
};

const NOTHING: Output = { appends: new Map(), effects: [] };

/** Faults that a farm could have, each of which the simulator has to find. */
export const MUTANTS: Readonly<Record<string, Mutant>> = {
  'a stale result is taken for the live one': farm(
    class extends Farm {
      readonly #seen = new Map<string, { agent: AgentName; commit: CommitId; job: JobId }>();

      override handle(input: Input, now: number): Output {
        for (const { id, agent, commit, job } of this.leases.live.values())
          this.#seen.set(id, { agent, commit, job });
        if (input.kind !== 'trial' && input.kind !== 'build') return super.handle(input, now);
        const { lease: ref } = input.result;
        const once = this.#seen.get(ref?.lease ?? '');
        const live = [...this.leases.live.values()].find(
          ({ job, commit }) => job === once?.job && commit === once.commit,
        );
        if (ref === undefined || live === undefined || live.id === ref.lease) return super.handle(input, now);
        return super.handle(renumbered(this, input, live), now);
      }
    },
  ),
  'a result that comes twice counts twice': farm(
    class extends Farm {
      override handle(input: Input, now: number): Output {
        if (input.kind !== 'trial' && input.kind !== 'build') return super.handle(input, now);
        const live = this.leases.held(input.agent, input.result.lease);
        return super.handle(live ? renumbered(this, input, live) : input, now);
      }
    },
  ),
  'results are acknowledged before they are durable': journal((inner) => ({
    ...whole(inner),
    append: (job, version, events) => {
      inner.append(job, version, events).catch(() => undefined);
      return Promise.resolve();
    },
  })),
  'what has overtaken another result is acknowledged': farm(
    class extends Farm {
      override handle(input: Input, now: number): Output {
        const output = super.handle(input, now);
        const result = 'result' in input ? input.result : undefined;
        if (result?.lease === undefined || !('result' in input)) return output;
        const { lease, seq } = result;
        return {
          ...output,
          effects: [...output.effects, { kind: 'acknowledge', agent: input.agent, lease, seq }],
        };
      }
    },
  ),
  'a cancel is forgotten': farm(
    class extends Farm {
      override handle(input: Input, now: number): Output {
        return input.kind === 'cancel' ? NOTHING : super.handle(input, now);
      }
    },
  ),
  'agents are not told of a cancel': farm(
    class extends Farm {
      override handle(input: Input, now: number): Output {
        const output = super.handle(input, now);
        return input.kind === 'cancel' ? { ...output, effects: [] } : output;
      }
    },
  ),
  'leases never expire': farm(
    class extends Farm {
      override handle(input: Input, now: number): Output {
        return input.kind === 'tick' ? NOTHING : super.handle(input, now);
      }
    },
  ),
  'epochs begin anew with each coordinator': farm(
    class extends Farm {
      override replay(id: JobId, events: readonly JobEvent[], now: number): Job {
        return super.replay(id, events.map(withoutEpoch), now);
      }
      override restore(id: JobId, snapshot: JobSnapshot): void {
        super.restore(id, { ...snapshot, lastEpoch: 0 });
      }
    },
  ),
  'snapshots do not say which epochs were given': farm(
    class extends Farm {
      override restore(id: JobId, snapshot: JobSnapshot): void {
        super.restore(id, { ...snapshot, lastEpoch: 0 });
      }
    },
  ),
  'a task is leased twice at once': farm(
    class extends Farm {
      override plan(now: number): Output {
        const output = super.plan(now);
        for (const { events } of output.appends.values()) {
          const leased = events.find(({ fact }) => fact?.$case === 'leased');
          if (leased?.fact?.$case !== 'leased') continue;
          const twin = {
            ...leased.fact.value,
            lease: `${leased.fact.value.lease}-twin`,
            epoch: 1e6 + (now % 1e6),
          };
          events.push({ ...leased, fact: { $case: 'leased', value: twin } });
        }
        return output;
      }
    },
  ),
  'a writer overwrites what another has written': journal((inner) => ({
    ...whole(inner),
    fence: () => Promise.resolve(),
    append: async (job, version, events) => {
      const found = (await inner.read(job)).length;
      return inner.append(job, Math.max(version, found), events);
    },
  })),
  "an agent's failure counts as a failing commit": farm(
    class extends Farm {
      override handle(input: Input, now: number): Output {
        const failed = input.kind === 'task' && input.result.end?.$case === 'failed';
        const live = failed ? this.leases.held(input.agent, input.result.lease) : undefined;
        if (!failed || live === undefined) return super.handle(input, now);
        const value = { $case: 'fail' as const, value: {} };
        const { commit } = live;
        const blank = { console: undefined, seconds: 0, image: '', initramfs: '', seq: input.result.seq };
        const result = { ...blank, lease: input.result.lease, commit, outcome: { kind: value } };
        return super.handle({ kind: 'trial', agent: input.agent, result }, now);
      }
    },
  ),
  'a culprit is named with nothing checked': farm(
    class extends Farm {
      override handle(input: Input, now: number): Output {
        return super.handle(input.kind === 'checks' ? { ...input, checks: [] } : input, now);
      }
    },
  ),
  'every agent is taken to have every label': farm(
    class extends Farm {
      override handle(input: Input, now: number): Output {
        if (input.kind !== 'hello') return super.handle(input, now);
        return super.handle({ ...input, hello: { ...input.hello, labels: { site: 'lab' } } }, now);
      }
    },
  ),
  'a withdrawn lease is not withdrawn from its agent': {
    ...SOUND,
    says: (message) => (message.kind?.$case === 'cancel' ? undefined : message),
  },
};

function farm(Kind: new (timing: Timing, newId: () => string) => Farm): Mutant {
  return { ...SOUND, farm: (timing, newId) => new Kind(timing, newId) };
}

function journal(change: (inner: Journal) => Journal): Mutant {
  return { ...SOUND, journal: change };
}

/** A journal's methods on their own, so that single ones can be replaced. */
function whole(inner: Journal): Journal {
  return {
    append: (...args) => inner.append(...args),
    read: (...args) => inner.read(...args),
    subscribe: (...args) => inner.subscribe(...args),
    readAll: (...args) => inner.readAll(...args),
    ends: () => inner.ends(),
    fence: (token) => inner.fence(token),
    close: () => inner.close(),
  };
}

/** The result as if it were the next one of that lease. */
function renumbered<I extends Extract<Input, { kind: 'trial' | 'build' }>>(
  { running }: Farm,
  input: I,
  { id, epoch, agent, job }: { id: LeaseId; epoch: number; agent: AgentName; job: JobId },
): I {
  const lease: LeaseRef = { lease: id, epoch };
  const seq = running.get(job)?.leases.get(id)?.received ?? 0;
  return { ...input, agent, result: { ...input.result, lease, seq } };
}

function withoutEpoch(event: JobEvent): JobEvent {
  if (event.fact?.$case !== 'leased') return event;
  return { ...event, fact: { $case: 'leased', value: { ...event.fact.value, epoch: 0 } } };
}
