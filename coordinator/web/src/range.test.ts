import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RangeView } from '@kbisect/coordinator/http/dashboard/views';
import { joined, layOut } from './range-layout.js';
import { RangeState, State, type Verdict } from './range-state.js';

/** A history in which each commit but the first has one or two parents before it, and the last contains all. */
const histories = fc
  .array(fc.tuple(fc.nat(6), fc.option(fc.nat(12))), { minLength: 1, maxLength: 40 })
  .map((shape) => {
    const parents = shape.map(([first, second], at) => {
      const places = [at - 1 - first, ...(second === null ? [] : [at - 1 - second])].filter(
        (place) => place >= 0,
      );
      return [...new Set(places.length === 0 && at > 0 ? [at - 1] : places)];
    });
    return rangeOf(parents);
  });

function rangeOf(parents: readonly (readonly number[])[]): RangeView {
  const offsets = [0];
  for (const its of parents) offsets.push(offsets.at(-1)! + its.length);
  return { ids: parents.map((_, at) => at.toString(16).padStart(40, '0')), offsets, parents: parents.flat() };
}

function ancestors(range: RangeView, place: number): Set<number> {
  const all = new Set([place]);
  for (const one of all) for (const parent of new RangeState(range).parents(one)) all.add(parent);
  return all;
}

describe('the layout of a range', () => {
  it('draws no two commits on one spot, and no line through a commit that is not on it', () => {
    fc.assert(
      fc.property(histories, (range) => {
        const { lanes, along, count } = layOut(range);
        expect(lanes.every((lane) => lane >= 0 && lane < count)).toBe(true);
        for (const { lane, from, to } of along) {
          for (let place = from + 1; place < to; place++) expect(lanes[place]).not.toBe(lane);
        }
      }),
    );
  });

  it('draws a line for each parent, and joins those that look alike to few', () => {
    fc.assert(
      fc.property(histories, (range) => {
        const layout = layOut(range);
        expect(layout.along).toHaveLength(range.parents.length);
        expect(joined(layout, new Uint8Array(range.ids.length)).length).toBeLessThanOrEqual(
          layout.along.length,
        );
      }),
    );
    const straight = rangeOf(Array.from({ length: 10_000 }, (_, at) => (at === 0 ? [] : [at - 1])));
    const layout = layOut(straight);
    expect(layout.count).toBe(1);
    expect(joined(layout, new Uint8Array(10_000))).toHaveLength(1);
  });
});

describe('what a range is known to be', () => {
  it('follows from the verdicts as git has it, and what could be the culprit is never drawn as known', () => {
    const verdict = fc.constantFrom<Verdict>('old', 'new', 'skip');
    fc.assert(
      fc.property(
        histories,
        fc.array(fc.tuple(fc.nat(39), verdict), { maxLength: 5 }),
        fc.nat(39),
        (range, given, left) => {
          const size = range.ids.length;
          const state = new RangeState(range);
          for (const [place, what] of given) if (place < size) state.verdicts.set(place, what);
          const candidates = [left % size];
          state.believe({ candidates, noisy: false, classes: [] });
          const old = new Set(
            [...state.verdicts].flatMap(([place, what]) =>
              what === 'old' ? [...ancestors(range, place)] : [],
            ),
          );
          for (let place = 0; place < size; place++) {
            const isNew = [...ancestors(range, place)].some(
              (one) => state.verdicts.get(one) === 'new' && !old.has(one),
            );
            const expected = candidates.includes(place)
              ? State.Left
              : old.has(place)
                ? State.Old
                : isNew
                  ? State.New
                  : State.Out;
            expect(state.states[place]).toBe(expected);
          }
        },
      ),
    );
  });

  it('finds a commit by a prefix that is its alone', () => {
    const state = new RangeState(rangeOf([[], [0], [1]]));
    expect(state.find('0'.repeat(39) + '1')).toBe(1);
    expect(state.find('0'.repeat(39))).toBeUndefined();
    expect(state.find('')).toBeUndefined();
  });
});
