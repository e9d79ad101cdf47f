import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { openJournal } from '@kbisect/coordinator/journal/open-journal';
import { natsIsInstalled, startNats } from '@kbisect/coordinator/nats-under-test';
import { jobId } from '@kbisect/shared/ids';
import { runText } from '@kbisect/shared/process';
import { figureTable } from '../figures.js';
import { oldJob } from './old-job.js';

// npm run bench:restart: how long a coordinator takes to come back with many old jobs, by their events and by their snapshots.

const JOBS = Number(process.env['JOBS'] ?? 10_000);
const TESTS = Number(process.env['TESTS'] ?? 15);
const AT_ONCE = 100;

const started = z.object({
  jobs: z.literal(JOBS),
  seconds: z.number(),
  processorSeconds: z.number(),
  mib: z.number(),
});

const directory = await mkdtemp(join(process.env['BENCH_DIR'] ?? tmpdir(), 'kbisect-bench-restart-'));
try {
  process.stdout.write(`${JOBS} jobs that are over, of ${oldJob('x', TESTS).length} events each\n\n`);
  await measure('embedded');
  if (natsIsInstalled) {
    const { servers, stop } = await startNats();
    try {
      await measure('JetStream', servers);
    } finally {
      await stop();
    }
  }
} finally {
  await rm(directory, { recursive: true, force: true });
}

async function measure(engine: string, servers?: string): Promise<void> {
  const place =
    servers === undefined
      ? { kind: 'embedded' as const }
      : { kind: 'jetstream' as const, servers, replicas: 1 };
  const opened = await openJournal(place, directory);
  for (let from = 0; from < JOBS; from += AT_ONCE) {
    const ids = Array.from({ length: Math.min(AT_ONCE, JOBS - from) }, (_, n) => `job${from + n}`);
    await Promise.all(ids.map((id) => opened.journal.append(jobId(id), 0, oldJob(id, TESTS))));
  }
  await opened.close();
  const first = await start(servers);
  const next = await start(servers);
  const figures = [
    {
      what: `${engine}: first start, by events`,
      measured: first.seconds,
      unit: 's',
    },
    { what: 'its processor time', measured: first.processorSeconds, unit: 's' },
    { what: 'its memory', measured: first.mib, unit: 'MiB' },
    { what: `${engine}: next start, by snapshots`, measured: next.seconds, unit: 's', atMost: 10 },
    {
      what: 'its processor time',
      measured: next.processorSeconds,
      unit: 's',
      atMost: first.processorSeconds,
    },
    { what: 'its memory', measured: next.mib, unit: 'MiB', atMost: first.mib },
  ];
  process.stdout.write(`${figureTable(figures)}\n\n`);
}

/** Starts once, and makes the snapshots that are missing. */
async function start(servers: string | undefined): Promise<z.infer<typeof started>> {
  const script = join(import.meta.dirname, 'start.js');
  const args = [script, directory, ...(servers === undefined ? [] : [servers])];
  return started.parse(JSON.parse(await runText({ program: process.execPath, args })));
}
