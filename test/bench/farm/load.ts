import { createHash } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { credentials } from '@grpc/grpc-js';
import {
  FarmClient,
  type SubmitRequest,
  type SubmitResponse,
  type WatchResponse,
} from '@kbisect/shared/gen/kbisect/v1/farm';
import { Mode, Outcome, type JobSpec } from '@kbisect/shared/gen/kbisect/v1/job';
import type { Task } from '@kbisect/shared/gen/kbisect/v1/session';
import { unaryCall } from '@kbisect/shared/status';
import { LoadAgent, type Measures } from './load-agent.js';

/** What the load is made of. */
export interface Load {
  readonly address: string;
  readonly sessions: number;
  /** Jobs that run at once; when one ends another begins. */
  readonly jobs: number;
  /** Of the range, oldest first; the first is good and the last is bad. */
  readonly commits: readonly string[];
  /** Trials of each end, and how often a bad commit fails in each. */
  readonly runs: number;
  readonly failing: number;
  /** Whether culprits are checked, for which the coordinator runs git. */
  readonly certify: boolean;
  readonly taskMs: number;
  readonly warmUpSeconds: number;
  readonly seconds: number;
}

/** What it met. */
export interface Met {
  readonly completedPerSecond: number;
  readonly toOffer: number[];
  readonly toAck: number[];
  readonly jobsEnded: number;
  readonly wrong: number;
}

// Its own process, told what to do as JSON on standard input.
const parts: Buffer[] = [];
for await (const part of process.stdin) parts.push(part as Buffer);
const load = JSON.parse(Buffer.concat(parts).toString('utf8')) as Load;
const met = JSON.stringify(await run(load));
process.stdout.write(met, () => process.exit(0));

async function run({ address, sessions, jobs, commits, taskMs, warmUpSeconds, seconds, ...odds }: Load) {
  const stop = new AbortController();
  const isOver = () => stop.signal.aborted;
  const places = new Map(commits.map((commit, place) => [commit, place]));
  const culprits = new Map<string, number>();
  const measures: Measures = { completed: 0, toOffer: [], toAck: [] };
  const ends = { all: 0, wrong: 0 };

  const outcomeOf = ({ job, commit }: Task): Outcome => {
    const place = places.get(commit) ?? 0;
    const bad = place >= culpritOf(job) && Math.random() < odds.failing;
    return Outcome.fromPartial({ kind: bad ? { $case: 'fail', value: {} } : { $case: 'pass', value: {} } });
  };
  /** Where the culprit of a job is follows from its id, as tasks come before the answer to its submission. */
  const culpritOf = (job: string): number => {
    let culprit = culprits.get(job);
    if (culprit === undefined) {
      const hash = createHash('sha256').update(job).digest().readUInt32BE(0);
      culprits.set(job, (culprit = 1 + (hash % (commits.length - 1))));
    }
    return culprit;
  };
  const nextTaskMs = () => taskMs * (0.75 + Math.random() / 2);
  setMaxListeners(0, stop.signal);
  const serving: Promise<void>[] = [];
  for (let n = 0; n < sessions; n++) {
    const agent = new LoadAgent(address, `agent-${n}`, outcomeOf, nextTaskMs, measures);
    serving.push(agent.serve(stop.signal));
    await agent.welcomed;
  }

  const client = new FarmClient(address, credentials.createInsecure());
  let submitted = 0;
  const oneAfterAnother = async () => {
    while (!isOver()) {
      const spec = specOf(commits, odds.runs, odds.certify, `test ${++submitted}`);
      const request: SubmitRequest = { spec, repoUrl: '' };
      const { job } = await unaryCall<SubmitResponse>((done) => client.submit(request, done));
      const culprit = await culpritFound(client, job, stop.signal);
      if (isOver()) return;
      ends.all += 1;
      if (culprit !== commits[culpritOf(job)]) ends.wrong += 1;
      culprits.delete(job);
    }
  };
  const running = Array.from({ length: jobs }, async () => oneAfterAnother());
  const failed = Promise.race([...serving, ...running]).then(() => {
    if (!isOver()) throw new Error('the coordinator ended a session');
  });

  await Promise.race([delay(warmUpSeconds * 1000), failed]);
  Object.assign(measures, { completed: 0, toOffer: [], toAck: [] });
  const begun = { ...ends, at: performance.now() };
  await Promise.race([delay(seconds * 1000), failed]);
  const took = (performance.now() - begun.at) / 1000;
  const met: Met = {
    completedPerSecond: measures.completed / took,
    toOffer: measures.toOffer,
    toAck: measures.toAck,
    jobsEnded: ends.all - begun.all,
    wrong: ends.wrong - begun.wrong,
  };
  stop.abort();
  return met;
}

/** @param command one of its own for each job: a job that asks what a running one asks would join it */
function specOf(commits: readonly string[], runs: number, certify: boolean, command: string): JobSpec {
  return {
    mode: Mode.MODE_REGRESSION,
    olds: [commits[0]!],
    new: commits.at(-1)!,
    firstParent: false,
    pathspecs: [],
    suspects: [],
    runs,
    timeoutSeconds: 60,
    test: { $case: 'run', value: { command } },
    title: 'load',
    newWhen: undefined,
    backportTo: [],
    requiredLabels: [],
    certify,
  };
}

/** Watches a job to its end. */
async function culpritFound(client: FarmClient, job: string, signal: AbortSignal): Promise<string> {
  const stream = client.watch({ job, together: true });
  const hangUp = () => stream.cancel();
  signal.addEventListener('abort', hangUp, { once: true });
  try {
    for await (const { kind } of stream as AsyncIterable<WatchResponse>) {
      const last = kind?.$case === 'events' ? kind.value.events.at(-1)?.fact : undefined;
      if (last?.$case === 'ended') return last.value.culprit;
    }
    return '';
  } catch (error) {
    if (signal.aborted) return '';
    throw error;
  } finally {
    signal.removeEventListener('abort', hangUp);
  }
}
