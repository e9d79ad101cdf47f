import type { BeliefView, RangeView } from '@kbisect/coordinator/http/dashboard/views';

/** What a commit of the range is known to be. */
export const State = {
  /** It cannot be the culprit, and no verdict follows for it. */
  Out: 0,
  Old: 1,
  New: 2,
  /** It could be the culprit. */
  Left: 3,
} as const;

export type Verdict = 'old' | 'new' | 'skip';

/** A job's range as it narrows: what is known of each commit. */
export class RangeState {
  readonly size: number;
  /** A `State` for each commit. */
  readonly states: Uint8Array;
  readonly verdicts = new Map<number, Verdict>();
  /** The commits that are marked by hand. */
  readonly marks = new Set<number>();
  /** What is being tested, by lease. */
  readonly flights = new Map<string, number>();
  /** The image's number for each commit, where several commits give it; else -1. */
  readonly classes: Int32Array;
  /** How likely each commit is the culprit. */
  readonly chances: Float64Array;
  readonly #places: Map<string, number>;

  constructor(readonly range: RangeView) {
    this.size = range.ids.length;
    this.states = new Uint8Array(this.size).fill(State.Left);
    this.classes = new Int32Array(this.size).fill(-1);
    this.chances = new Float64Array(this.size).fill(1 / Math.max(1, this.size));
    this.#places = new Map(range.ids.map((id, place) => [id, place]));
  }

  /** Where a commit is; undefined outside of the range. */
  place(commit: string): number | undefined {
    return this.#places.get(commit);
  }

  /** The only commit whose id begins so. */
  find(prefix: string): number | undefined {
    const whole = this.place(prefix);
    if (whole !== undefined || prefix === '') return whole;
    const found = this.range.ids.flatMap((id, place) => (id.startsWith(prefix) ? [place] : []));
    return found.length === 1 ? found[0] : undefined;
  }

  parents(place: number): readonly number[] {
    return this.range.parents.slice(this.range.offsets[place], this.range.offsets[place + 1]);
  }

  /** Takes in what the search believes. */
  believe({ candidates, chances, classes }: BeliefView): void {
    this.chances.fill(0);
    for (const [at, place] of candidates.entries())
      this.chances[place] = chances?.[at] ?? 1 / candidates.length;
    this.classes.fill(-1);
    for (const [number, commits] of classes.entries())
      for (const place of commits) this.classes[place] = number;
    this.classify();
  }

  /** The first and the last commit that could be the culprit. */
  get left(): readonly [number, number] {
    const first = this.states.indexOf(State.Left);
    return first < 0 ? [0, this.size - 1] : [first, this.states.lastIndexOf(State.Left)];
  }

  /** What follows from the verdicts: ancestors of what is old are old, descendants of what is new are new. */
  classify(): void {
    const { size, states } = this;
    const { offsets, parents } = this.range;
    states.fill(State.Out);
    for (const [place, verdict] of this.verdicts) {
      if (verdict === 'old') states[place] = State.Old;
      if (verdict === 'new') states[place] = State.New;
    }
    for (let place = size - 1; place >= 0; place--) {
      if (states[place] !== State.Old) continue;
      for (let at = offsets[place]!; at < offsets[place + 1]!; at++) states[parents[at]!] = State.Old;
    }
    for (let place = 0; place < size; place++) {
      for (let at = offsets[place]!; at < offsets[place + 1]! && states[place] === State.Out; at++)
        if (states[parents[at]!] === State.New) states[place] = State.New;
    }
    for (let place = 0; place < size; place++) if (this.chances[place]! > 0) states[place] = State.Left;
  }
}
