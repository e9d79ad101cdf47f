import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fairShares, type Claim } from './shares.js';

/** A claim as it is when there are no labels and no priorities. */
const plain = { weight: 4, overdue: false, usable: Infinity };

const claims = (...held: [job: string, submitter: string, held: number][]): Claim<string>[] =>
  held.map(([job, submitter, slots]) => ({ job, submitter, held: slots, ...plain }));

const weighed = (
  ...weights: [job: string, weight: number, more?: Partial<Claim<string>>][]
): Claim<string>[] =>
  weights.map(([job, weight, more]) => ({ job, submitter: 'ann', held: 0, ...plain, weight, ...more }));

const [LOW, NORMAL, HIGH] = [1, 4, 16];

const claim = fc
  .record({
    job: fc.uuid(),
    submitter: fc.constantFrom('ann', 'bob', 'eve'),
    held: fc.nat(20),
    weight: fc.constantFrom(LOW, NORMAL, HIGH),
    isLate: fc.boolean(),
    usable: fc.oneof(fc.nat(10), fc.constant(Infinity)),
  })
  // Who holds something was not left without.
  .map(({ isLate, ...rest }): Claim<string> => ({ ...rest, overdue: isLate && rest.held === 0 }));
const anyClaims = fc.uniqueArray(claim, { selector: ({ job }) => job, minLength: 1, maxLength: 12 });
const slotCount = fc.nat(50);

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

  it('go to jobs of one submitter by their weights', () => {
    const shares = fairShares(weighed(['low', LOW], ['normal', NORMAL], ['high', HIGH]), 21);
    expect(Object.fromEntries(shares)).toEqual({ low: 1, normal: 4, high: 16 });
  });

  it('are no more for whoever says that all is of high priority', () => {
    const loud = weighed(...Array.from({ length: 9 }, (_, n): [string, number] => [`loud${n}`, HIGH]));
    const shares = fairShares([...loud, ...weighed(['quiet', LOW, { submitter: 'bob' }])], 10);
    expect(shares.get('quiet')).toBe(5);
  });

  it('are kept from no job for ever: one that is overdue gets one before later ones that count more', () => {
    const late = weighed(['low', LOW, { overdue: true }], ['high', HIGH], ['another', HIGH]);
    expect([...fairShares(late, 1)]).toEqual([['low', 1]]);
    expect(fairShares(late, 33).get('low')).toBe(1);
  });

  it('go to jobs that can use them, and the others’ to the rest', () => {
    const shares = fairShares(weighed(['picky', HIGH, { usable: 1 }], ['any', LOW]), 8);
    expect(Object.fromEntries(shares)).toEqual({ picky: 1, any: 7 });
  });

  it('are given as long as they are of use, to no job more than are, and fairly among submitters', () => {
    fc.assert(
      fc.property(anyClaims, slotCount, (some, slots) => {
        const shares = fairShares(some, slots);
        const got = ({ job }: Claim<string>) => shares.get(job) ?? 0;
        const sum = (numbers: readonly number[]) => numbers.reduce((all, one) => all + one, 0);
        expect(sum(some.map(got))).toBe(Math.min(slots, sum(some.map(({ usable }) => usable))));
        for (const one of some) expect(got(one)).toBeLessThanOrEqual(one.usable);
        const submitters = new Map(some.map(({ submitter }) => [submitter, [] as Claim<string>[]]));
        for (const one of some) submitters.get(one.submitter)?.push(one);
        const holds = (theirs: readonly Claim<string>[]) => sum(theirs.map((one) => one.held + got(one)));
        for (const theirs of submitters.values()) {
          if (sum(theirs.map(got)) === 0) continue;
          for (const others of submitters.values())
            if (others.some((one) => got(one) < one.usable))
              expect(holds(theirs)).toBeLessThanOrEqual(holds(others) + 1);
        }
      }),
    );
  });

  it('are given to jobs of one submitter in proportion: no slot would be better with another that can use it', () => {
    fc.assert(
      fc.property(anyClaims, slotCount, (some, slots) => {
        const own = some.map((one) => ({ ...one, submitter: 'ann', overdue: false }));
        const shares = fairShares(own, slots);
        const got = ({ job }: Claim<string>) => shares.get(job) ?? 0;
        for (const one of own) {
          if (got(one) === 0) continue;
          for (const other of own)
            if (got(other) < other.usable)
              expect((one.held + got(one)) / one.weight).toBeLessThanOrEqual(
                (other.held + got(other) + 1) / other.weight,
              );
        }
      }),
    );
  });

  it('starve nobody: with a slot for each that is overdue, each of them gets one', () => {
    fc.assert(
      fc.property(anyClaims, (some) => {
        const own = some.map((one) => ({ ...one, submitter: 'ann' }));
        const late = own.filter(({ overdue, usable }) => overdue && usable > 0);
        // Those of the greatest weight that hold nothing are their equals.
        const seeking = own.filter(({ usable }) => usable > 0);
        const most = Math.max(...seeking.map(({ weight }) => weight));
        const equals = seeking.filter(({ held, weight }) => held === 0 && weight === most);
        const shares = fairShares(own, new Set([...late, ...equals]).size);
        for (const { job } of late) expect(shares.get(job)).toBeGreaterThan(0);
      }),
    );
  });

  it('are given as without priorities where these are all the same, whoever is overdue', () => {
    fc.assert(
      fc.property(anyClaims, slotCount, fc.constantFrom(LOW, NORMAL, HIGH), (some, slots, weight) => {
        const alike = some.map((one) => ({ ...one, ...plain }));
        const shares = fairShares(
          alike.map((one, at) => ({ ...one, weight, overdue: some[at]!.overdue })),
          slots,
        );
        expect([...shares]).toEqual([...unweighed(alike, slots)]);
      }),
    );
  });
});

/** To the submitter who holds the fewest, and of their jobs to the one that does. */
function unweighed(some: readonly Claim<string>[], slots: number): Map<string, number> {
  const granted = new Map<string, number>();
  const holds = ({ job, held }: Claim<string>) => held + (granted.get(job) ?? 0);
  const all = (name: string) =>
    some.filter(({ submitter }) => submitter === name).reduce((sum, one) => sum + holds(one), 0);
  for (let n = 0; n < slots; n++) {
    const names = [...new Set(some.map(({ submitter }) => submitter))].sort((a, b) => all(a) - all(b));
    const [poorest] = some
      .filter(({ submitter }) => submitter === names[0])
      .sort((a, b) => holds(a) - holds(b));
    if (poorest) granted.set(poorest.job, (granted.get(poorest.job) ?? 0) + 1);
  }
  return granted;
}
