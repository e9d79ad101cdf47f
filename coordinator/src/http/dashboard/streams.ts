import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { JobEvent } from '@kbisect/shared/gen/kbisect/v1/job';
import { jobId, type CommitId } from '@kbisect/shared/ids';
import type { Dispatcher } from '../../dispatcher.js';
import type { Journal } from '../../journal/journal.js';
import { activityOf } from '../../report/activity.js';
import { agentResult } from '../../report/agent-json.js';
import { agentsOf } from '../../report/agents.js';
import { jobResult } from '../../report/job-json.js';
import { phaseWord } from '../../report/phase-word.js';
import { summaryOf } from '../../report/summary.js';
import type { LiveConsoles } from '../../rpc/live-consoles.js';
import type { KnownJob } from '../../scheduler/past-job.js';
import type { SlotHistory, Span } from '../../slot-history.js';
import { EventStream } from '../event-stream.js';
import type { Call } from '../router.js';
import type { ActivityView } from './views.js';

/** A page is told of changes so often at most. */
const PACE_MS = 200;

/** The farm as it changes: `agents`, each `job` that has changed, and the `spans` of the slots. */
export async function streamFarm(
  { farm, changes }: Dispatcher,
  history: SlotHistory,
  {
    subject,
    shown,
  }: {
    readonly subject: (commit: CommitId) => Promise<string>;
    /** Whether the caller may know of a job. */
    readonly shown: (job: KnownJob) => boolean;
  },
  call: Call,
): Promise<void> {
  const stream = new EventStream(call);
  const told = new Map<string, string>();
  const tell = async (event: string, key: string, data: unknown) => {
    const text = JSON.stringify(data);
    if (told.get(key) === text) return;
    told.set(key, text);
    await stream.send(event, data);
  };
  let change = 0;
  for (;;) {
    const changed = once(changes, 'change', { signal: call.signal });
    changed.catch(() => undefined);
    await tell('agents', 'agents', agentsOf(farm, shown).map(agentResult));
    for (const job of [...farm.jobs.values()].filter(shown)) {
      // One that is over changes no more.
      if (!job.over || !told.has(`over ${job.id}`)) {
        await tell('job', job.id, jobResult(await summaryOf(job, farm, subject)));
        if (job.over) told.set(`over ${job.id}`, '');
      }
    }
    const spans = shownSpans(farm, history.since(change), shown);
    change = history.change;
    if (spans.length > 0) await stream.send('spans', spans);
    await sleep(PACE_MS, undefined, { signal: call.signal });
    await changed;
  }
}

/** What slots did, of jobs that the caller may know of. */
export function shownSpans(
  { jobs }: Dispatcher['farm'],
  spans: readonly Span[],
  shown: (job: KnownJob) => boolean,
): Span[] {
  return spans.filter((span) => {
    const job = jobs.get(jobId(span.job));
    return job !== undefined && shown(job);
  });
}

/** A job's `event`s of the journal from its first, or from the one after the client's last, and its `activity`. */
export async function streamJob(
  job: KnownJob,
  { farm, activity }: Dispatcher,
  journal: Journal,
  call: Call,
): Promise<void> {
  const stream = new EventStream(call);
  const done = new AbortController();
  const either = AbortSignal.any([call.signal, done.signal]);
  const tellActivity = async () => {
    let told = '';
    while (!either.aborted) {
      const changed = once(activity, job.id, { signal: either });
      changed.catch(() => undefined);
      const data = activityView(job, farm);
      if (JSON.stringify(data) !== told) await stream.send('activity', data);
      told = JSON.stringify(data);
      await sleep(PACE_MS, undefined, { signal: either });
      await changed;
    }
  };
  const others = tellActivity().catch(() => undefined);
  try {
    const last = Number(call.request.headers['last-event-id'] ?? -1);
    let id = 0;
    for await (const events of journal.subscribe(job.id, call.signal)) {
      for (const event of events) {
        if (id > last) await stream.send('event', JobEvent.toJSON(event), id);
        id += 1;
      }
      if (events.at(-1)?.fact?.$case === 'ended') break;
    }
    done.abort();
    await others;
    await stream.end();
  } finally {
    done.abort();
  }
}

function activityView(job: KnownJob, farm: Dispatcher['farm']): ActivityView {
  const { work, ...outlook } = activityOf(job, farm);
  const shown = work.map(({ id, agent, commit, phase, fraction }) => ({
    lease: id,
    agent,
    commit,
    phase: phaseWord(phase),
    fraction,
  }));
  return { work: shown, ...outlook };
}

/** The console of a trial that runs: what there is of it, then each `text` that comes, until the trial is over. */
export async function streamConsole(lease: string, consoles: LiveConsoles, call: Call): Promise<void> {
  const stream = new EventStream(call);
  const decoder = new TextDecoder();
  const waiting: (Uint8Array | undefined)[] = [consoles.tail(lease) ?? Buffer.alloc(0)];
  const wake = new EventTarget();
  const hear = (data?: Uint8Array) => {
    waiting.push(data);
    wake.dispatchEvent(new Event('more'));
  };
  consoles.more.on(lease, hear);
  try {
    for (;;) {
      const more = once(wake, 'more', { signal: call.signal });
      more.catch(() => undefined);
      for (const data of waiting.splice(0)) {
        if (data === undefined) {
          await stream.end();
          return;
        }
        await stream.send('text', decoder.decode(data, { stream: true }));
      }
      if (waiting.length === 0) await more;
    }
  } finally {
    consoles.more.off(lease, hear);
  }
}
