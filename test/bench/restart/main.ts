import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EmbeddedJournal } from '@kbisect/coordinator/journal/embedded-journal';
import { Farm } from '@kbisect/coordinator/scheduler/farm';
import { DEFAULT_TIMING } from '@kbisect/coordinator/scheduler/timing';
import type { JobEvent } from '@kbisect/shared/gen/kbisect/v1/job';
import {
  JobEvent_Leased,
  JobState,
  LeaseEnd,
  Mode,
  Outcome,
  Verdict,
} from '@kbisect/shared/gen/kbisect/v1/job';
import { jobId } from '@kbisect/shared/ids';
import { figureTable } from '../figures.js';

// npm run bench:restart: how long a coordinator takes to come back with many old jobs.

const JOBS = Number(process.env['JOBS'] ?? 10_000);
const TESTS = Number(process.env['TESTS'] ?? 15);

const directory = await mkdtemp(join(process.env['BENCH_DIR'] ?? tmpdir(), 'kbisect-bench-restart-'));
try {
  const path = join(directory, 'journal.mdb');
  let journal = new EmbeddedJournal(path);
  for (let start = 0; start < JOBS; start += 100) {
    await Promise.all(
      Array.from({ length: 100 }, async (_, n) => {
        const id = `job${start + n}`;
        await journal.append(jobId(id), 0, eventsOf(id));
      }),
    );
  }
  await journal.close();

  journal = new EmbeddedJournal(path);
  const before = process.memoryUsage().rss;
  const startedAt = performance.now();
  const farm = new Farm(DEFAULT_TIMING, () => 'id');
  for await (const [job, events] of journal.readAll()) farm.replay(job, events, Date.now());
  const seconds = (performance.now() - startedAt) / 1000;
  const mib = (process.memoryUsage().rss - before) / 2 ** 20;
  await journal.close();
  const what = `replay of ${farm.jobs.size} jobs that are over, of ${eventsOf('x').length} events each`;
  process.stdout.write(
    `${figureTable([
      { what, measured: seconds, unit: 's', atMost: 10 },
      { what: 'memory that they take', measured: mib, unit: 'MiB' },
    ])}\n`,
  );
} finally {
  await rm(directory, { recursive: true, force: true });
}

/** A job that booted so many kernels and found its culprit. */
function eventsOf(job: string): JobEvent[] {
  const commit = (n: number) => n.toString(16).padStart(40, '0');
  const facts: JobEvent['fact'][] = [
    {
      $case: 'submitted',
      value: {
        job,
        spec: {
          mode: Mode.MODE_REGRESSION,
          olds: [commit(1)],
          new: commit(2),
          firstParent: false,
          pathspecs: [],
          suspects: [],
          runs: 1,
          timeoutSeconds: 60,
          test: { $case: 'run', value: { command: 'make test' } },
          title: 'an old job',
          newWhen: undefined,
          backportTo: [],
          requiredLabels: [],
        },
      },
    },
    { $case: 'started', value: { mergeBases: [], candidates: 1000 } },
  ];
  for (let test = 0; test < TESTS; test++) {
    const lease = `${job}-${test}`;
    const outcome = Outcome.fromPartial({ kind: { $case: 'pass', value: {} } });
    const blank = { console: undefined, image: '', initramfs: '' };
    facts.push(
      {
        $case: 'leased',
        value: JobEvent_Leased.fromPartial({
          lease,
          epoch: test + 1,
          commit: commit(test + 3),
          agent: 'one',
          trials: 1,
        }),
      },
      { $case: 'tried', value: { ...blank, lease, commit: commit(test + 3), outcome, seconds: 1 } },
      { $case: 'judged', value: { commit: commit(test + 3), verdict: Verdict.VERDICT_OLD, reason: 'pass' } },
      { $case: 'leaseEnded', value: { lease, reason: LeaseEnd.LEASE_END_DONE, detail: '' } },
    );
  }
  const state = JobState.JOB_STATE_FOUND;
  const culprit = commit(3);
  facts.push({ $case: 'ended', value: { state, culprit, candidates: [culprit], reason: '', pair: [] } });
  return facts.map((fact) => ({ at: new Date(0), fact }));
}
