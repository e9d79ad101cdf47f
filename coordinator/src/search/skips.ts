import type { CommitGraph, CommitIndex } from './graph.js';

/** Lengths that an interval of untestable commits may have, in steps along the DAG, and the beliefs in each. */
const LENGTHS = [1, 3, 10, 30, 100, 300, 1000];
const NEVER = 0x7fffffff;

/**
 * Where commits cannot be tested. Untestable commits come in intervals: from the one that breaks the build to the one
 * that mends it. A commit's state is taken as a two-state Markov process along the DAG, seen at the nearest commit
 * that was skipped and at the nearest that was tested; how long intervals are is learned from each observation.
 */
export class SkipModel {
  readonly #children: Adjacency;
  readonly #skipped: CommitIndex[] = [];
  readonly #tested: CommitIndex[] = [];
  readonly #beliefs = LENGTHS.map(() => 1 / LENGTHS.length);
  #toSkipped: Int32Array;
  #toTested: Int32Array;

  constructor(readonly graph: CommitGraph) {
    this.#children = childrenOf(graph);
    this.#toSkipped = new Int32Array(graph.size).fill(NEVER);
    this.#toTested = new Int32Array(graph.size).fill(NEVER);
  }

  get anySkipped(): boolean {
    return this.#skipped.length > 0;
  }

  observe(commit: CommitIndex, testable: boolean): void {
    if (this.anySkipped) this.#learn(commit, testable);
    (testable ? this.#tested : this.#skipped).push(commit);
    if (!this.anySkipped) return;
    this.#toSkipped = this.#distances(this.#skipped);
    this.#toTested = this.#distances(this.#tested);
  }

  /** How likely a commit that was not tried yet can not be tested. */
  risk(commit: CommitIndex): number {
    if (!this.anySkipped) return 0;
    return LENGTHS.reduce(
      (sum, length, place) => sum + this.#beliefs[place]! * this.#riskFor(commit, length),
      0,
    );
  }

  #learn(commit: CommitIndex, testable: boolean): void {
    let total = 0;
    LENGTHS.forEach((length, place) => {
      const risk = this.#riskFor(commit, length);
      this.#beliefs[place]! *= testable ? 1 - risk : risk;
      total += this.#beliefs[place]!;
    });
    LENGTHS.forEach((_, place) => (this.#beliefs[place]! /= total));
  }

  #riskFor(commit: CommitIndex, length: number): number {
    const base = (this.#skipped.length + 0.5) / (this.#skipped.length + this.#tested.length + 5);
    const like = (distance: number) => (distance === NEVER ? 0 : Math.exp(-distance / length));
    const nearSkipped = like(this.#toSkipped[commit]!);
    const nearTested = like(this.#toTested[commit]!);
    const broken = base * (base + (1 - base) * nearSkipped) * (1 - base) * (1 - nearTested);
    const sound = (1 - base) * base * (1 - nearSkipped) * (1 - base + base * nearTested);
    return broken + sound === 0 ? base : broken / (broken + sound);
  }

  /** Steps to the nearest of the commits, along parents and children. */
  #distances(from: readonly CommitIndex[]): Int32Array {
    const distances = new Int32Array(this.graph.size).fill(NEVER);
    for (const commit of from) distances[commit] = 0;
    const open = [...from];
    for (let head = 0; head < open.length; head++) {
      const commit = open[head]!;
      for (const { offsets, list } of [
        { offsets: this.graph.offsets, list: this.graph.parentList },
        this.#children,
      ]) {
        for (let i = offsets[commit]!; i < offsets[commit + 1]!; i++) {
          const next = list[i]!;
          if (distances[next] !== NEVER) continue;
          distances[next] = distances[commit]! + 1;
          open.push(next);
        }
      }
    }
    return distances;
  }
}

interface Adjacency {
  readonly offsets: Int32Array;
  readonly list: Int32Array;
}

function childrenOf(graph: CommitGraph): Adjacency {
  const offsets = new Int32Array(graph.size + 2);
  for (const parent of graph.parentList) offsets[parent + 2]!++;
  for (let commit = 0; commit < graph.size; commit++) offsets[commit + 2]! += offsets[commit + 1]!;
  const list = new Int32Array(graph.parentList.length);
  for (let commit = 0; commit < graph.size; commit++) {
    for (const parent of graph.parents(commit)) list[offsets[parent + 1]!++] = commit;
  }
  return { offsets: offsets.subarray(0, graph.size + 1), list };
}
