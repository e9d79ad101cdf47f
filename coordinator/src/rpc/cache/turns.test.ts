import { expect, it } from 'vitest';
import { digestOf } from '@kbisect/shared/digest';
import { Turns } from './turns.js';

const [build, other] = [digestOf('a build'), digestOf('another build')];

it('gives the turn to one after the other, in the order in which they came', async () => {
  const turns = new Turns();
  const told: string[] = [];
  const places = ['a', 'b', 'c'].map((name) => {
    const place = turns.join(build);
    void place.turn.then(() => told.push(name));
    return place;
  });
  await Promise.resolve();
  expect(places.map(({ first }) => first)).toEqual([true, false, false]);
  expect(told).toEqual(['a']);
  expect(turns.join(other).first).toBe(true);
  places[1]!.leave(); // it did not want to wait
  places[0]!.leave();
  places[0]!.leave(); // twice is once
  await places[2]!.turn;
  expect(told).toEqual(['a', 'c']);
  places[2]!.leave();
  expect(turns.join(build).first).toBe(true);
});
