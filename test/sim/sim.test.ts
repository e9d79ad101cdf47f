import { describe, expect, it } from 'vitest';
import { messageOf } from '@kbisect/shared/errors';
import { MUTANTS, type Mutant } from './mutants.js';
import { World } from './world.js';

describe('a farm in which anything fails at any time', () => {
  it('keeps its promises (more seeds: npm run sim -- --seeds N)', async () => {
    let leases = 0;
    for (let seed = 0; seed < 12; seed++) leases += (await new World(seed).run()).leases;
    expect(leases).toBeGreaterThan(60);
  });

  it('goes the same way whenever it comes from the same seed', async () => {
    const trace = async (seed: number) => {
      const lines: string[] = [];
      await new World(seed, undefined, (line) => lines.push(line)).run();
      return lines;
    };
    expect(await trace(7)).toEqual(await trace(7));
    expect(await trace(8)).not.toEqual(await trace(7));
  });
});

const ENOUGH = 5000;

/** The first of the seeds whose world breaks a promise, and how. */
async function firstViolation(mutant: Mutant): Promise<string | undefined> {
  for (let seed = 0; seed < ENOUGH; seed++) {
    const broken = await new World(seed, mutant).run().then(
      () => undefined,
      (error: unknown) => `${seed}: ${messageOf(error)}`,
    );
    if (broken !== undefined) return broken;
  }
  return undefined;
}

describe('the simulator finds', () => {
  it.each(Object.entries(MUTANTS))('that %s', async (_name, mutant) => {
    expect(await firstViolation(mutant)).toBeDefined();
  });
});
