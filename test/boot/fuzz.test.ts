import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { ConsoleReader } from '@kbisect/agent/boot/console';
import { outcomeOf } from '@kbisect/agent/boot/outcome';
import { NONCE, readConsole, readIndex } from '../fixtures/consoles/recordings.js';
import { mutate, mutations } from './mutations.js';

/** Mutated consoles that are read: a few in each run of the tests, 100,000 by `npm run test:fuzz`. */
const CONSOLES = Number(process.env['CONSOLES'] ?? 400);
const MS_A_MEGABYTE = 50;
/** What is not the parser's in one reading, such as the collection of garbage; more than the clock's grain. */
const REST_MS = 3;

let recorded: Buffer[];
beforeAll(async () => {
  recorded = await Promise.all((await readIndex()).map(readConsole));
});

/** Reads a console in pieces of a pipe's size. Gives milliseconds of the processor: other work on the machine does not count. */
function read(console: Buffer): number {
  const before = process.cpuUsage();
  const reader = new ConsoleReader(NONCE);
  for (let n = 0; n < console.length; n += 65536) reader.take(console.subarray(n, n + 65536));
  expect(outcomeOf('timed-out', reader.facts()).kind).toBeDefined();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

/** The best of a few readings, as a collection of garbage falls where it will. */
function isFast(console: Buffer): boolean {
  const limit = (console.length / 1e6) * MS_A_MEGABYTE + REST_MS;
  for (let attempt = 0; attempt < 5; attempt++) if (read(console) <= limit) return true;
  return false;
}

describe('a console that was damaged on its way', () => {
  it(
    `is read without a throw and in time linear in its size (${CONSOLES} consoles)`,
    { timeout: 3_600_000 },
    () => {
      fc.assert(
        fc.property(fc.nat(), mutations, (which, made) => {
          const console = recorded[which % recorded.length] ?? Buffer.alloc(0);
          expect(isFast(mutate(console, made, recorded))).toBe(true);
        }),
        { numRuns: CONSOLES },
      );
    },
  );

  it('of megabytes is read at that pace', () => {
    const whole = Buffer.concat(recorded);
    const large = Buffer.concat(Array.from({ length: Math.ceil(8e6 / whole.length) }, () => whole));
    expect(isFast(large)).toBe(true);
  });

  it.each([
    '\n',
    'x\n',
    '[',
    '] ',
    '[    1.000000] BUG: a\n',
    '[    1.000000] WARNING: CPU: 1 PID: 1 at a/b.c:1 c+0x1/0x2\n',
    'kbisect \n',
    '\r',
  ])('that repeats %j is read at that pace', (piece) => {
    expect(isFast(Buffer.from(piece.repeat(Math.ceil(2e6 / piece.length))))).toBe(true);
  });
});
