import { z } from 'zod';
import { KbisectError } from '@kbisect/shared/errors';
import type { JobEvent } from '@kbisect/shared/gen/kbisect/v1/job';
import type { StatResponse } from '@kbisect/shared/gen/kbisect/v1/cache';
import { GetReportRequest_Format } from '@kbisect/shared/gen/kbisect/v1/farm';
import { commitId, jobId, leaseId, type CommitId } from '@kbisect/shared/ids';
import { mark, MARKS, rerun } from '../../by-hand.js';
import type { Dispatcher } from '../../dispatcher.js';
import type { Gate } from '../../identity/gate.js';
import { mayChange, maySee } from '../../identity/jobs.js';
import type { Journal } from '../../journal/journal.js';
import { agentResult } from '../../report/agent-json.js';
import { agentsOf } from '../../report/agents.js';
import { bisectLogOf } from '../../report/bisect-log-of.js';
import { consolesOf } from '../../report/consoles.js';
import { jobResult } from '../../report/job-json.js';
import { summaryOf } from '../../report/summary.js';
import { reportStyleHash } from '../../report/report-html.js';
import { writeReport } from '../../report/write-report.js';
import type { Repository } from '../../repository.js';
import type { LiveConsoles } from '../../rpc/live-consoles.js';
import type { Job } from '../../scheduler/job.js';
import type { KnownJob } from '../../scheduler/past-job.js';
import { jobWithEvents, wholeJob } from '../../whole-job.js';
import { describeOutcome } from '../../scheduler/oracle.js';
import type { CommitGraph } from '../../search/graph.js';
import type { SlotHistory } from '../../slot-history.js';
import { answerJson, answerText, bodyOf, SECURITY_HEADERS, type Call, type Route } from '../router.js';
import { commitView, diffOf } from './commit-view.js';
import { jobView } from './job-view.js';
import { pageRoutes } from './pages.js';
import { beliefView, rangeView } from './range-view.js';
import { shownSpans, streamConsole, streamFarm, streamJob } from './streams.js';
import type { ConsoleView } from './views.js';

/** What the dashboard shows. */
export interface DashboardParts {
  readonly gate: Gate;
  readonly dispatcher: Dispatcher;
  readonly journal: Journal;
  readonly repository: Repository;
  readonly consoles: LiveConsoles;
  readonly history: SlotHistory;
  readonly cacheStat: () => StatResponse;
  /** A blob of the cache as text. */
  readonly readText: (digest: string, size: number) => Promise<string>;
}

const markRequest = z.object({
  commit: z.string(),
  verdict: z.enum(['old', 'new', 'skip']),
});
const rerunRequest = z.object({ commit: z.string() });

/** All routes of the dashboard: its pages, what they show as JSON, as `--json` has it, and what they can change. */
export async function dashboardRoutes(parts: DashboardParts): Promise<Route[]> {
  const { gate, dispatcher, journal, repository, consoles, history } = parts;
  const { farm } = dispatcher;
  const { git } = repository;
  const subject = (commit: CommitId) => git.subject(commit);
  /** Whether this caller may know of a job. */
  const sees =
    ({ request }: Call) =>
    (job: KnownJob) =>
      maySee(gate.requesterOf(request).principal, job.spec);
  const jobOf = (call: Call): KnownJob => {
    const name = call.param('job');
    const job = farm.jobs.get(jobId(name));
    if (job === undefined || !sees(call)(job)) throw new KbisectError('not-found', `there is no job ${name}`);
    return job;
  };
  /** The same with all that is known of it. */
  const wholeOf = (call: Call): Promise<Job> => wholeJob(jobOf(call), journal);
  /** The job that the caller names and may change the course of. */
  const changedBy = (call: Call): KnownJob => {
    const job = jobOf(call);
    if (mayChange(gate.requesterOf(call.request).principal, job.spec)) return job;
    throw new KbisectError('permission-denied', `job ${job.id} is ${job.spec.submitter ?? 'somebody'}'s`);
  };
  /** Who does something: by name or, where nobody has one, from where. */
  const personOf = ({ request }: Call): string => {
    const { principal, address } = gate.requesterOf(request);
    return principal.kind === 'person' ? principal.name : `dashboard@${address}`;
  };
  /** The range of a job that was over when the coordinator started is read again. */
  const graphOf = async (job: KnownJob, { signal }: Call): Promise<CommitGraph> =>
    farm.running.get(job.id)?.standing?.graph ?? (await repository.readRange(job.spec, signal)).graph;
  const summary = async (job: KnownJob) => jobResult(await summaryOf(job, farm, subject));

  const get = (path: string, serve: Route['serve']): Route => ({ method: 'GET', path, serve });
  const json = (path: string, answer: (call: Call) => unknown): Route =>
    get(path, async (call) => answerJson(call.response, await answer(call)));
  const post = <Body>(
    path: string,
    body: z.ZodType<Body>,
    act: (call: Call, body: Body) => Promise<unknown>,
  ): Route => ({
    method: 'POST',
    path,
    serve: async (call) => {
      const read = body.safeParse(await bodyOf(call.request));
      if (!read.success) throw new KbisectError('invalid-argument', z.prettifyError(read.error));
      answerJson(call.response, await act(call, read.data));
    },
  });

  return [
    ...(await pageRoutes()),

    json('/api/agents', (call) => ({ agents: agentsOf(farm, sees(call)).map(agentResult) })),
    json('/api/jobs', async (call) => ({
      jobs: await Promise.all([...farm.jobs.values()].filter(sees(call)).map(summary)),
    })),
    json('/api/cache', () => parts.cacheStat()),
    json('/api/history', (call) => ({ spans: shownSpans(farm, history.since(0), sees(call)) })),
    get('/api/farm/events', (call) => streamFarm(dispatcher, history, { subject, shown: sees(call) }, call)),

    json('/api/jobs/:job', (call) => wholeOf(call).then((job) => jobView(job, farm, subject))),
    get('/api/jobs/:job/events', (call) => streamJob(jobOf(call), dispatcher, journal, call)),
    json('/api/jobs/:job/range', async (call) => rangeView(await graphOf(jobOf(call), call))),
    json('/api/jobs/:job/belief', async (call) => {
      const job = await wholeOf(call);
      return beliefView(job, await graphOf(job, call));
    }),
    json('/api/jobs/:job/commits/:commit', async (call) => {
      const { job, events } = await jobWithEvents(jobOf(call), journal);
      return commitView(job, commitId(call.param('commit')), events, git);
    }),
    get('/api/jobs/:job/commits/:commit/diff', async (call) => {
      jobOf(call);
      answerText(call.response, 200, await diffOf(git, commitId(call.param('commit')), call.signal));
    }),
    json('/api/jobs/:job/commits/:commit/consoles', async (call) => {
      const { job, events } = await jobWithEvents(jobOf(call), journal);
      return { consoles: consoleViews(job, commitId(call.param('commit')), events) };
    }),
    get('/api/jobs/:job/consoles/:lease', (call) => {
      const job = jobOf(call);
      const lease = leaseId(call.param('lease'));
      if (farm.running.get(job.id)?.leases.get(lease) === undefined)
        throw new KbisectError('not-found', `nothing runs under lease ${lease} of job ${job.id}`);
      return streamConsole(lease, consoles, call);
    }),
    get('/api/jobs/:job/log', async (call) =>
      answerText(call.response, 200, await bisectLogOf(await wholeOf(call), subject)),
    ),
    get('/api/jobs/:job/report', async (call) => {
      const text = await writeReport(jobOf(call), GetReportRequest_Format.FORMAT_JSON, parts);
      answerJson(call.response, JSON.parse(text));
    }),
    get('/jobs/:job/report', async (call) => {
      const text = await writeReport(jobOf(call), GetReportRequest_Format.FORMAT_HTML, parts);
      const policy = `${SECURITY_HEADERS['content-security-policy']}; style-src ${reportStyleHash()}`;
      call.response.setHeader('content-security-policy', policy);
      call.response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(text);
    }),

    post('/api/jobs/:job/cancel', z.object({}), async (call) => {
      const job = changedBy(call);
      await dispatcher.post({ kind: 'cancel', job: job.id });
      return summary(job);
    }),
    post('/api/jobs/:job/mark', markRequest, async (call, { commit, verdict }) => ({
      commit: await mark(dispatcher, changedBy(call), {
        commit,
        verdict: MARKS[verdict],
        by: personOf(call),
      }),
    })),
    post('/api/jobs/:job/rerun', rerunRequest, async (call, { commit }) => ({
      commit: await rerun(dispatcher, changedBy(call), { commit, by: personOf(call) }),
    })),
  ];
}

function consoleViews(job: Job, commit: CommitId, events: readonly JobEvent[]): ConsoleView[] {
  const isKnown = [...job.evidence.commits].includes(commit);
  const live = job.leases.live.filter((lease) => lease.commit === commit);
  if (!isKnown && live.length === 0) return [];
  const { consoles } = consolesOf(job, commit, events, () => undefined);
  const kept = consoles.flatMap(({ outcome, blob, agent }): ConsoleView[] =>
    outcome && blob ? [{ agent, outcome: describeOutcome(outcome), blob }] : [],
  );
  return [...kept, ...live.map(({ id, agent }) => ({ agent, lease: id }))];
}
