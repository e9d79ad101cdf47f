import { parentPort, workerData } from 'node:worker_threads';
import { messageOf } from '@kbisect/shared/errors';
import { MUTANTS, SOUND } from './mutants.js';
import { World } from './world.js';

/** A thread's part of the seeds. */
export interface Share {
  readonly from: number;
  readonly to: number;
  readonly stride: number;
  readonly mutant: string | undefined;
}

/** What a thread tells of each world. */
export interface Told {
  readonly seed: number;
  readonly virtualSeconds: number;
  readonly failure: string | undefined;
}

const { from, to, stride, mutant } = workerData as Share;
for (let seed = from; seed < to; seed += stride) {
  const world = new World(seed, mutant === undefined ? SOUND : MUTANTS[mutant]);
  let failure: string | undefined;
  await world.run().catch((error: unknown) => (failure = messageOf(error)));
  const told: Told = { seed, virtualSeconds: world.time.now / 1000, failure };
  parentPort?.postMessage(told);
}
