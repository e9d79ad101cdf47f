import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fairShares, type Claim } from './shares.js';

const claims = (...held: [job: string, submitter: string, held: number][]): Claim<string>[] =>
  held.map(([job, submitter, slots]) => ({ job, submitter, held: slots }));

describe('free slots', () => {
  it('go to the submitter who holds the fewest, however many jobs the others have', () => {
    const many = Array.from({ length: 9 }, (_, n): [string, string, number] => [`a${n}`, 'ann', 0]);
    const shares = fairShares(claims(...many, ['b', 'bob', 0]), 10);
    expect(shares.get('b')).toBe(5);
  });

  it('go to the job that holds the fewest of one submitter', () => {
    const shares = fairShares(claims(['one', 'ann', 3], ['two', 'ann', 0]), 5);
    expect(shares).toEqual(
      new Map([
        ['two', 4],
        ['one', 1],
      ]),
    );
  });

  it('are all given where there are claims, and what submitters hold then differs by one unless they held more before', () => {
    const claim = fc.record({
      job: fc.uuid(),
      submitter: fc.constantFrom('ann', 'bob', 'eve'),
      held: fc.nat(20),
    });
    fc.assert(
      fc.property(
        fc.uniqueArray(claim, { selector: ({ job }) => job, minLength: 1 }),
        fc.nat(50),
        (some, slots) => {
          const shares = fairShares(some, slots);
          const given = [...shares.values()].reduce((sum, n) => sum + n, 0);
          expect(given).toBe(slots);
          const of = (name: string, more: boolean) =>
            some
              .filter(({ submitter }) => submitter === name)
              .reduce((sum, { job, held }) => sum + held + (more ? (shares.get(job) ?? 0) : 0), 0);
          const names = [...new Set(some.map(({ submitter }) => submitter))];
          const least = Math.min(...names.map((name) => of(name, true)));
          for (const name of names) {
            const isServed = of(name, true) > of(name, false);
            if (isServed) expect(of(name, true)).toBeLessThanOrEqual(least + 1);
          }
        },
      ),
    );
  });
});
