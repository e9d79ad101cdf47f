import type { RangeView } from '@kbisect/coordinator/http/dashboard/views';

/** A line along a lane between a commit and a parent of it. */
export interface Along {
  readonly lane: number;
  readonly from: number;
  readonly to: number;
  /** The commit at whose side the line begins: the line has its colour. */
  readonly child: number;
}

/** A line from lane to lane, at a commit. */
export interface Across {
  readonly at: number;
  readonly from: number;
  readonly to: number;
}

/** Where the commits of a range are drawn: along by their order, across in lanes. */
export interface Layout {
  readonly lanes: Int32Array;
  readonly count: number;
  /** By lane, then from left to right. */
  readonly along: readonly Along[];
  /** From left to right. */
  readonly across: readonly Across[];
}

/**
 * Lays out a history as `git log --graph` does, from the newest commit on: a first parent goes on in its child's lane,
 * every other parent that has no lane yet takes one that is free.
 */
export function layOut({ ids, offsets, parents }: RangeView): Layout {
  const size = ids.length;
  const lanes = new Int32Array(size).fill(-1);
  const busy: boolean[] = [];
  const take = (): number => {
    const free = busy.indexOf(false);
    const lane = free < 0 ? busy.length : free;
    busy[lane] = true;
    return lane;
  };
  const along: Along[] = [];
  const across: Across[] = [];
  for (let child = size - 1; child >= 0; child--) {
    if (lanes[child]! < 0) lanes[child] = take();
    const lane = lanes[child]!;
    let goesOn = false;
    for (let at = offsets[child]!; at < offsets[child + 1]!; at++) {
      const parent = parents[at]!;
      const isFirst = at === offsets[child];
      if (lanes[parent]! < 0) lanes[parent] = isFirst ? lane : take();
      const its = lanes[parent]!;
      goesOn ||= its === lane;
      // The parent's lane is its own from the first child that was seen on, so that every line can run in it.
      along.push({ lane: its, from: parent, to: child, child });
      if (its !== lane) across.push({ at: child, from: lane, to: its });
    }
    if (!goesOn) busy[lane] = false;
  }
  along.sort((one, other) => one.lane - other.lane || one.from - other.from);
  across.sort((one, other) => one.at - other.at);
  return { lanes, count: busy.length, along, across };
}

/** A stretch of a lane in one colour. */
export interface Run {
  readonly lane: number;
  readonly from: number;
  to: number;
  /** One of `State`. */
  readonly state: number;
}

/** Lines along lanes, joined where they meet and look the same: however long a history is, there are few. */
export function joined({ along }: Layout, states: Uint8Array): Run[] {
  const runs: Run[] = [];
  let last: Run | undefined;
  for (const { lane, from, to, child } of along) {
    const state = states[child]!;
    if (last?.lane === lane && last.state === state && from <= last.to) last.to = Math.max(last.to, to);
    else runs.push((last = { lane, from, to, state }));
  }
  return runs;
}
