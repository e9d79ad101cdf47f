import type { BlobRef, JobEvent, JobSpec } from '@kbisect/shared/gen/kbisect/v1/job';
import type { LeaseRef, Task } from '@kbisect/shared/gen/kbisect/v1/session';
import type { AgentName, CommitId, JobId } from '@kbisect/shared/ids';
import type { CommitGraph } from '../search/graph.js';
import type { Fact } from './facts.js';
import type { Job } from './job.js';
import type { Merging } from './pair-search.js';

/** What is to be made or read of a culprit's history for its checks. */
export type Question =
  | {
      readonly kind: 'certificate';
      readonly culprit: CommitId;
      /** Its parents in a range that leaves commits out; git's own otherwise. */
      readonly parents: readonly CommitId[] | undefined;
    }
  /** The sides of a merge. */
  | { readonly kind: 'sides'; readonly culprit: CommitId }
  /** What the job asks of the configuration. */
  | { readonly kind: 'settings'; readonly culprit: CommitId }
  /** Merges of commits of its sides. */
  | { readonly kind: 'merges'; readonly culprit: CommitId; readonly merges: readonly Merging[] };

/** What the scheduler asks for; it is done only when the events that came with it are durable. */
export type Effect =
  | { kind: 'read-range'; job: JobId; spec: JobSpec }
  | { kind: 'read-changes'; job: JobId; graph: CommitGraph; outside: readonly CommitId[] }
  | { kind: 'read-record'; job: JobId; record: BlobRef }
  | { kind: 'read-suspects'; job: JobId; spec: JobSpec; graph: CommitGraph; console: BlobRef }
  | { kind: 'make-checks'; job: JobId; spec: JobSpec; question: Question }
  | { kind: 'offer'; agent: AgentName; lease: LeaseRef; task: Task }
  | { kind: 'withdraw'; agent: AgentName; lease: LeaseRef }
  | { kind: 'acknowledge'; agent: AgentName; lease: LeaseRef; seq: number };

/** Events to be written, each list behind the job's `version` events, and what to do then. */
export interface Output {
  readonly appends: Map<JobId, { expectedVersion: number; events: JobEvent[] }>;
  readonly effects: Effect[];
}

/** Collects what comes of one input. A fact that is written down is known to its job at once. */
export class Recorder {
  #output: Output = emptyOutput();

  get output(): Output {
    return this.#output;
  }

  /** Begins with nothing, for the next input. */
  reset(): void {
    this.#output = emptyOutput();
  }

  record(job: Job, fact: Fact, now: number): void {
    let append = this.#output.appends.get(job.id);
    if (append === undefined) {
      this.#output.appends.set(job.id, (append = { expectedVersion: job.version, events: [] }));
    }
    const event: JobEvent = { at: new Date(now), fact };
    job.apply(event);
    append.events.push(event);
  }

  ask(effect: Effect): void {
    this.#output.effects.push(effect);
  }
}

function emptyOutput(): Output {
  return { appends: new Map(), effects: [] };
}
