import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { quantile } from '@kbisect/coordinator/sim/summary';
import { killGroup, startProcess } from '@kbisect/shared/process';
import { figureTable } from '../figures.js';
import { say } from '../simulated.js';
import type { Load, Met } from './load.js';
import { makeStraightRepository } from './straight-repository.js';

// npm run bench:farm: one coordinator with the embedded journal, under the load of many agents and jobs.

const number = (name: string, otherwise: number) => Number(process.env[name] ?? otherwise);
const SAMPLE_MS = 1000;

const coordinatorPackage = createRequire(import.meta.url).resolve('@kbisect/coordinator/main');
const PROGRAM = join(dirname(coordinatorPackage), '../../bin/kbisect.js');
const LOAD = fileURLToPath(new URL('load.js', import.meta.url));

const directory = await mkdtemp(join(process.env['BENCH_DIR'] ?? tmpdir(), 'kbisect-bench-farm-'));
try {
  const commits = await makeStraightRepository(join(directory, 'git'), number('COMMITS', 200));
  const listen = ['--listen', '127.0.0.1:0', '--http', '127.0.0.1:0'];
  const nodeArgs = (process.env['BENCH_NODE_ARGS'] ?? '').split(' ').filter(Boolean);
  const coordinator = startProcess(
    {
      program: process.execPath,
      args: [...nodeArgs, PROGRAM, 'coordinator', '--state', directory, ...listen],
      env: { ...process.env, KBISECT_LOG: process.env['KBISECT_LOG'] ?? 'warn' },
    },
    ['ignore', 'pipe', 'inherit'],
  );
  try {
    const [line] = (await once(createInterface({ input: coordinator.stdout! }), 'line')) as [string];
    const address = /gRPC (\S+),/.exec(line)?.[1] ?? '';
    const load: Load = {
      address,
      commits,
      sessions: number('SESSIONS', 1000),
      jobs: number('JOBS', 200),
      runs: number('RUNS', 1),
      failing: number('FAILING', 1),
      certify: number('CERTIFY', 0) === 1,
      taskMs: number('TASK_MS', 900),
      warmUpSeconds: number('WARM_UP_SECONDS', 15),
      seconds: number('SECONDS', 60),
    };
    say(`${load.sessions} agents, ${load.jobs} jobs at once in ${commits.length} commits, ${load.seconds} s`);
    const done = new AbortController();
    const memory = sampleMemory(coordinator.pid!, done.signal);
    const met = await generate(load);
    done.abort();
    report(met, await memory, load);
  } finally {
    const closed = once(coordinator, 'close');
    killGroup(coordinator, 'SIGTERM');
    await closed;
  }
} finally {
  await rm(directory, { recursive: true, force: true });
}

async function generate(load: Load): Promise<Met> {
  const child = startProcess({ program: process.execPath, args: [LOAD] }, ['pipe', 'pipe', 'inherit']);
  child.stdin!.end(JSON.stringify(load));
  const parts: Buffer[] = [];
  child.stdout!.on('data', (part: Buffer) => parts.push(part));
  const [status] = (await once(child, 'close')) as [number | null];
  if (status !== 0) throw new Error(`the load ended with status ${status}`);
  return JSON.parse(Buffer.concat(parts).toString('utf8')) as Met;
}

/**
 * MiB of memory that is a process's own, and the share of a processor that it takes, each second. The pages of the journal's file
 * that are in memory count among those of the machine's cache.
 */
async function sampleMemory(pid: number, signal: AbortSignal): Promise<{ mib: number; cpu: number }[]> {
  const samples: { mib: number; cpu: number }[] = [];
  let before: number | undefined;
  for (let next = performance.now(); !signal.aborted; next += SAMPLE_MS) {
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    const mib = Number(/RssAnon:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024;
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // Clock ticks of user and system time, a hundred a second on Linux.
    const ticks = Number(fields[11]) + Number(fields[12]);
    if (before !== undefined) samples.push({ mib, cpu: (ticks - before) / 100 / (SAMPLE_MS / 1000) });
    before = ticks;
    await new Promise((wake) => setTimeout(wake, Math.max(0, next + SAMPLE_MS - performance.now())));
  }
  return samples;
}

function report(
  met: Met,
  samples: readonly { mib: number; cpu: number }[],
  { seconds, warmUpSeconds }: Load,
): void {
  const measured = samples.slice(warmUpSeconds, warmUpSeconds + seconds);
  const memory = measured.map(({ mib }) => mib);
  const [first, second] = [memory.slice(0, memory.length / 2), memory.slice(memory.length / 2)];
  const growth = mean(second) - mean(first);
  say(
    `${met.jobsEnded} jobs ended, ${met.wrong} of them wrong; coordinator: ${mean(memory).toFixed(0)} MiB, ` +
      `at most ${Math.max(...memory).toFixed(0)}, ${mean(measured.map(({ cpu }) => cpu)).toFixed(2)} of ` +
      `${availableParallelism()} processors`,
  );
  const ms = (values: readonly number[], q: number) => quantile([...values], q);
  const figures = [
    {
      what: 'task completions',
      measured: met.completedPerSecond,
      unit: '/s',
      atLeast: 1000,
    },
    {
      what: 'p99 from a result to the next offer',
      measured: ms(met.toOffer, 0.99),
      unit: 'ms',
      atMost: 50,
    },
    { what: 'median of it', measured: ms(met.toOffer, 0.5), unit: 'ms' },
    { what: 'p99 from a result to its acknowledgement', measured: ms(met.toAck, 0.99), unit: 'ms' },
    {
      what: "coordinator's processor time for a completion",
      measured: (1000 * mean(measured.map(({ cpu }) => cpu))) / met.completedPerSecond,
      unit: 'ms',
    },
    { what: 'memory of the second half over that of the first', measured: growth, unit: 'MiB' },
  ];
  process.stdout.write(`${figureTable(figures)}\n`);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}
