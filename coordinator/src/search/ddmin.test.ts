import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ddmin, type Subset, type SubsetResult } from './ddmin.js';

type Test = (subset: Subset) => SubsetResult;

/** Minimises with so many tests at once, which end in the order that `pick` says; gives how many were made, too. */
function minimise(size: number, test: Test, atOnce = 1, pick: (n: number) => number = () => 0) {
  const known = new Map<string, SubsetResult>();
  let best = size;
  for (let steps = 0; ; steps++) {
    expect(steps).toBeLessThan(10_000);
    const step = ddmin(size, (subset) => known.get(subset.join()), atOnce);
    if (atOnce === 1) expect(step.subset.length, 'it never grows').toBeLessThanOrEqual(best);
    best = step.subset.length;
    if (step.kind === 'minimal') return { subset: step.subset, tests: known.size };
    const { wanted } = step;
    expect(wanted.length).toBeLessThanOrEqual(atOnce);
    expect(new Set(wanted.map((one) => one.join())).size, 'none is wanted twice').toBe(wanted.length);
    const next = wanted[pick(wanted.length)]!;
    expect(known.has(next.join())).toBe(false);
    known.set(next.join(), test(next));
  }
}

/** All subsets, the smaller ones first. */
function subsetsOf(size: number): Subset[] {
  const all = Array.from({ length: 2 ** size }, (_, bits) =>
    Array.from({ length: size }, (__, n) => n).filter((n) => bits & (1 << n)),
  );
  return all.sort((one, other) => one.length - other.length);
}

const has = (subset: Subset, needed: Subset) => needed.every((element) => subset.includes(element));

/** Interesting with all of one of these. */
const monotone =
  (causes: readonly Subset[]): Test =>
  (subset) =>
    causes.some((cause) => has(subset, cause)) ? 'interesting' : 'uninteresting';

/** Any test whatever, of which the whole is interesting. */
const arbitrary = (size: number) =>
  fc
    .infiniteStream(fc.constantFrom<SubsetResult>('interesting', 'uninteresting', 'unresolved'))
    .map((stream) => {
      const results = new Map<string, SubsetResult>();
      return (subset: Subset) => {
        if (subset.length === size) return 'interesting';
        const key = subset.join();
        if (!results.has(key)) results.set(key, stream.next().value as SubsetResult);
        return results.get(key)!;
      };
    });

describe('ddmin', () => {
  it('finds one of the smallest causes, as trying all subsets does, where more never hides what less shows', () => {
    const cases = fc.integer({ min: 0, max: 9 }).chain((size) => {
      const cause = fc.subarray(Array.from({ length: size }, (_, n) => n));
      return fc.tuple(fc.constant(size), fc.array(cause, { minLength: 1, maxLength: 4 }));
    });
    fc.assert(
      fc.property(cases, ([size, causes]) => {
        const interesting = subsetsOf(size).filter((one) => monotone(causes)(one) === 'interesting');
        const minimal = interesting.filter(
          (one) => !interesting.some((other) => other.length < one.length && has(one, other)),
        );
        expect(minimal).toContainEqual(minimise(size, monotone(causes)).subset);
      }),
    );
  });

  it('ends on a subset that is interesting, and is not without any one of its elements, whatever the test says', () => {
    const cases = fc
      .integer({ min: 0, max: 12 })
      .chain((size) => fc.tuple(fc.constant(size), arbitrary(size)));
    fc.assert(
      fc.property(cases, ([size, test]) => {
        const { subset } = minimise(size, test);
        expect(test(subset)).toBe('interesting');
        for (const element of subset)
          expect(test(subset.filter((other) => other !== element))).not.toBe('interesting');
      }),
    );
  });

  it('comes to the same end with tests side by side, however they overtake each other, as with one after the other', () => {
    const cases = fc
      .integer({ min: 0, max: 12 })
      .chain((size) => fc.tuple(fc.constant(size), arbitrary(size)));
    fc.assert(
      fc.property(
        cases,
        fc.integer({ min: 1, max: 20 }),
        fc.infiniteStream(fc.nat()),
        ([size, test], atOnce, order) => {
          const pick = (n: number) => (order.next().value as number) % n;
          expect(minimise(size, test, atOnce, pick).subset).toEqual(minimise(size, test).subset);
        },
      ),
    );
  });

  it('finds two elements of a thousand in few tests, side by side or not', () => {
    const test = monotone([[123, 777]]);
    expect(minimise(1000, test)).toMatchObject({ subset: [123, 777] });
    expect(minimise(1000, test).tests).toBeLessThan(100);
  });

  it('needs one test when nothing at all is enough', () => {
    expect(minimise(1000, () => 'interesting')).toEqual({ subset: [], tests: 1 });
  });

  it('keeps all when all are needed', () => {
    const all = Array.from({ length: 12 }, (_, n) => n);
    expect(minimise(12, monotone([all])).subset).toEqual(all);
  });
});
