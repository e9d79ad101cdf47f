import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import type { Metadata, ServerWritableStream } from '@grpc/grpc-js';
import { KbisectError } from '@kbisect/shared/errors';
import type {
  FarmServer,
  WatchRequest,
  WatchResponse,
  WatchResponse_Work,
} from '@kbisect/shared/gen/kbisect/v1/farm';
import type { JobSpec } from '@kbisect/shared/gen/kbisect/v1/job';
import { commitId, jobId, type CommitId } from '@kbisect/shared/ids';
import type { Logger } from '@kbisect/shared/log';
import { mark, rerun } from '../by-hand.js';
import type { Dispatcher } from '../dispatcher.js';
import type { Gate } from '../identity/gate.js';
import { mayChange, maySee, submitterOf } from '../identity/jobs.js';
import type { Journal } from '../journal/journal.js';
import { activityOf } from '../report/activity.js';
import { agentsOf } from '../report/agents.js';
import { bisectLogOf } from '../report/bisect-log-of.js';
import { consolesOf } from '../report/consoles.js';
import { summaryOf } from '../report/summary.js';
import { toldApart } from '../report/told-apart.js';
import { writeReport } from '../report/write-report.js';
import type { Repository } from '../repository.js';
import { duplicateOf } from '../scheduler/duplicate.js';
import type { KnownJob } from '../scheduler/past-job.js';
import { jobWithEvents, wholeJob } from '../whole-job.js';
import { callSignal, streaming, unary } from './handler.js';
import { reachableUrl } from './reachable-url.js';
import { checkJobSpec } from './job-spec.js';
import type { LiveConsoles } from './live-consoles.js';

/** How often a watcher is told of what agents do, at most. */
const ACTIVITY_MS = 1000;
/** Events of one message: a client takes none above 4 MiB. */
const MAX_EVENTS = 200;

/** What the farm's API is made from. */
export interface FarmParts {
  readonly dispatcher: Dispatcher;
  readonly journal: Journal;
  readonly repository: Repository;
  readonly consoles: LiveConsoles;
  /** A blob of the cache as text. */
  readonly readText: (digest: string, size: number) => Promise<string>;
  readonly gate: Gate;
  /** Gives the commits that a job names to whoever may have to go on with it. */
  readonly share: (spec: JobSpec) => Promise<void>;
  readonly newId: () => string;
  readonly gitUrl: string;
  readonly version: string;
  readonly log: Logger;
}

/** The API for people and their tools. */
export function farmService(parts: FarmParts): FarmServer {
  const { dispatcher, repository, gate, log } = parts;
  const { farm } = dispatcher;

  const sees = (call: { readonly metadata: Metadata }, job: KnownJob) =>
    maySee(gate.callerOf(call).principal, job.spec);
  /** The job that the caller names; one that they may not see is not there. */
  const find = (call: { readonly metadata: Metadata }, text: string): KnownJob => {
    const job = farm.jobs.get(jobId(text));
    if (job === undefined || !sees(call, job))
      throw new KbisectError('not-found', `there is no job ${text}; see 'kbisect jobs'`);
    return job;
  };
  /** The job that the caller names and may change the course of. */
  const change = (call: { readonly metadata: Metadata }, text: string): KnownJob => {
    const job = find(call, text);
    if (mayChange(gate.callerOf(call).principal, job.spec)) return job;
    const whose = job.spec.submitter ?? 'somebody';
    throw new KbisectError(
      'permission-denied',
      `job ${job.id} is ${whose}'s; an operator may change it, too`,
    );
  };
  /** Who is known is not believed to be another. */
  const signed = <Request extends { by: string }>(
    call: { readonly metadata: Metadata },
    request: Request,
  ): Request => {
    const name = submitterOf(gate.callerOf(call).principal);
    return name === '' ? request : { ...request, by: name };
  };
  const subject = (commit: CommitId) => repository.git.subject(commit);

  return {
    getInfo: unary(log, (_request, call) => ({
      version: parts.version,
      gitUrl: reachableUrl(parts.gitUrl, call.getHost()),
    })),

    submit: unary(log, async (request, call) => {
      let spec = checkJobSpec(request.spec);
      if (request.repoUrl !== '') {
        const signal = callSignal(call);
        const { test } = spec;
        const fixups = test?.$case === 'boot' ? test.value.fixups : [];
        const named = [
          spec.new,
          ...spec.olds,
          ...fixups.flatMap(({ commit, after, until }) => [commit, after, until]),
          ...spec.backportTo.map(({ commit }) => commit),
        ];
        const revisions = [...new Set(named.filter((revision) => revision !== ''))];
        const commits = await repository.mirror(request.repoUrl, revisions, signal);
        const resolved = (revision: string): string => commits[revisions.indexOf(revision)] ?? '';
        spec = { ...spec, new: resolved(spec.new), olds: spec.olds.map(resolved) };
        const backportTo = spec.backportTo.map(({ name, commit }) => ({ name, commit: resolved(commit) }));
        spec = { ...spec, backportTo };
        if (test?.$case === 'boot') {
          const own = fixups.map(({ commit, after, until }) => ({
            commit: resolved(commit),
            after: resolved(after),
            until: resolved(until),
          }));
          spec = { ...spec, test: { ...test, value: { ...test.value, fixups: own } } };
        }
      }
      const { principal } = gate.callerOf(call);
      spec = { ...spec, submitter: submitterOf(principal) };
      spec = { ...spec, new: commitId(spec.new), olds: [...new Set(spec.olds.map(commitId))] };
      for (const { commit } of spec.backportTo) commitId(commit);
      await parts.share(spec);
      const visible = [...farm.running.values()].filter((job) => maySee(principal, job.spec));
      const running = duplicateOf(spec, visible);
      if (running !== undefined) {
        await dispatcher.settled(); // its submission may not be durable yet
        return { job: running.id, joined: true };
      }
      const job = jobId(parts.newId());
      await dispatcher.post({ kind: 'submit', job, spec });
      return { job, joined: false };
    }),

    listJobs: unary(log, async (_request, call) => ({
      jobs: await Promise.all(
        [...farm.jobs.values()].filter((job) => sees(call, job)).map((job) => summaryOf(job, farm, subject)),
      ),
    })),

    getJob: unary(log, async (request, call) => summaryOf(find(call, request.job), farm, subject)),

    cancel: unary(log, async (request, call) => {
      const job = change(call, request.job);
      await dispatcher.post({ kind: 'cancel', job: job.id });
      return summaryOf(job, farm, subject);
    }),

    mark: unary(log, async (request, call) => ({
      commit: await mark(dispatcher, change(call, request.job), signed(call, request)),
    })),

    rerun: unary(log, async (request, call) => ({
      commit: await rerun(dispatcher, change(call, request.job), signed(call, request)),
    })),

    getLog: unary(log, async (request, call) => ({
      log: await bisectLogOf(await wholeJob(find(call, request.job), parts.journal), subject),
    })),

    getReport: unary(log, async (request, call) => ({
      text: await writeReport(find(call, request.job), request.format, parts),
    })),

    getConsole: unary(log, async (request, call) => {
      const { job, events } = await jobWithEvents(find(call, request.job), parts.journal);
      return consolesOf(job, request.commit, events, (lease) => parts.consoles.tail(lease));
    }),

    listAgents: unary(log, (_request, call) => ({
      agents: agentsOf(farm, (job) => sees(call, job)),
    })),

    watch: streaming(log, async (call: ServerWritableStream<WatchRequest, WatchResponse>) => {
      await watch(find(call, call.request.job), parts, call);
    }),
  };
}

/** Sends a job's events, and what its agents do in between; a slow watcher is sent the latest only. */
async function watch(
  job: KnownJob,
  { journal, dispatcher }: FarmParts,
  call: ServerWritableStream<WatchRequest, WatchResponse>,
): Promise<void> {
  const signal = callSignal(call);
  const { together } = call.request;
  const send = async (message: NonNullable<WatchResponse['kind']>) => {
    for (const kind of together ? [message] : toldApart(message))
      if (!call.write({ kind })) await once(call, 'drain', { signal });
  };
  const events = async () => {
    for await (const events of journal.subscribe(job.id, signal)) {
      for (let start = 0; start < events.length; start += MAX_EVENTS)
        await send({ $case: 'events', value: { events: events.slice(start, start + MAX_EVENTS) } });
      if (events.at(-1)?.fact?.$case === 'ended') return;
    }
  };
  const done = new AbortController();
  const either = AbortSignal.any([signal, done.signal]);
  const activity = async () => {
    while (!either.aborted) {
      const soon = delay(ACTIVITY_MS, undefined, { signal: either }).catch(() => undefined);
      const next = once(dispatcher.activity, job.id, { signal: either }).catch(() => undefined);
      await send({ $case: 'work', value: workOf(job, dispatcher.farm) });
      await Promise.all([next, soon]);
    }
  };
  const others = activity();
  try {
    await events();
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    done.abort();
    await others.catch(() => undefined); // the watcher went away
  }
  call.end();
}

function workOf(job: KnownJob, farm: Dispatcher['farm']): WatchResponse_Work {
  const { work, left, rounds, seconds, waiting } = activityOf(job, farm);
  const activities = work.map(({ agent, commit, phase, fraction, expectedSeconds }) => ({
    agent,
    commit,
    phase,
    fraction,
    expectedSeconds,
  }));
  const outlook = { candidatesLeft: left, expectedRounds: rounds, expectedSeconds: seconds, waiting };
  return { activities, outlook };
}
