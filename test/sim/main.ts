import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { messageOf } from '@kbisect/shared/errors';
import { MUTANTS, SOUND } from './mutants.js';
import type { Share, Told } from './share.js';
import { World } from './world.js';

const USAGE = `npm run sim -- --seeds N [--from SEED] [--mutant NAME]   N worlds, each from a seed of its own
npm run sim -- --seed SEED [--mutant NAME]               one world, with all that happens in it
mutants: ${Object.keys(MUTANTS).join('; ')}`;

/** Runs worlds on all processors until one breaks a promise; gives the seed that did. */
async function runAll(from: number, seeds: number, mutant: string | undefined): Promise<number | undefined> {
  const began = performance.now();
  let done = 0;
  let virtualSeconds = 0;
  let broken: number | undefined;
  const threads = Math.min(seeds, availableParallelism());
  const workers = Array.from({ length: threads }, (_, n) => {
    const share: Share = { from: from + n, to: from + seeds, stride: threads, mutant };
    const worker = new Worker(new URL('./share.js', import.meta.url), { workerData: share });
    worker.on('message', (told: Told) => {
      done += 1;
      virtualSeconds += told.virtualSeconds;
      if (told.failure === undefined || broken !== undefined) return;
      broken = told.seed;
      process.stdout.write(`seed ${told.seed}: ${told.failure}\n`);
      for (const each of workers) void each.terminate();
    });
    return worker;
  });
  // Whoever interrupts it still learns how far it came.
  const stop = () => {
    for (const worker of workers) void worker.terminate();
  };
  process.once('SIGINT', stop).once('SIGTERM', stop);
  await Promise.all(workers.map((worker) => once(worker, 'exit')));
  const minutes = (performance.now() - began) / 60_000;
  const days = (virtualSeconds / 86_400).toFixed(1);
  process.stdout.write(
    `${done} seeds, ${days} virtual days, ${minutes.toFixed(1)} min, ${Math.round(done / minutes)} seeds/min, ` +
      `${broken === undefined ? 'no violation' : `replay with: npm run sim -- --seed ${broken}`}\n`,
  );
  return broken;
}

/** Runs one world and tells all that happens in it. */
async function replay(seed: number, mutant: string | undefined): Promise<boolean> {
  const say = (line: string) => void process.stdout.write(`${line}\n`);
  const world = new World(seed, mutant === undefined ? SOUND : MUTANTS[mutant], say);
  try {
    const { virtualSeconds, leases } = await world.run();
    say(`no violation: ${Math.round(virtualSeconds)} virtual seconds, ${leases} leases`);
    return true;
  } catch (error) {
    say(`BROKEN: ${messageOf(error)}`);
    return false;
  }
}

const options = {
  seeds: { type: 'string' },
  from: { type: 'string' },
  seed: { type: 'string' },
  mutant: { type: 'string' },
} as const;
const { values } = parseArgs({ options });
const { mutant } = values;
if ((values.seed ?? values.seeds) === undefined || (mutant !== undefined && !(mutant in MUTANTS))) {
  process.stderr.write(`${USAGE}\n`);
  process.exitCode = 2;
} else if (values.seed !== undefined) {
  process.exitCode = (await replay(Number(values.seed), mutant)) ? 0 : 1;
} else {
  const broken = await runAll(Number(values.from ?? 0), Number(values.seeds), mutant);
  process.exitCode = broken === undefined ? 0 : 1;
}
