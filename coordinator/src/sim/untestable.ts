import type { CommitGraph } from '../search/graph.js';
import type { RandomSource } from '../search/random.js';

/** Mean length of an interval of untestable commits, in commits. */
const MEAN_LENGTH = 8;

/**
 * Flags commits that cannot be tested, about `rate` of them, in intervals: a commit stays as broken as its first
 * parent is but for a chance to be mended, and breaks a sound one's children just as rarely. The tip is sound.
 */
export function drawUntestable(graph: CommitGraph, rate: number, random: RandomSource): Uint8Array {
  const flags = new Uint8Array(graph.size);
  if (rate <= 0) return flags;
  const mends = 1 / MEAN_LENGTH;
  const breaks = Math.min(1, (mends * rate) / (1 - rate));
  for (let commit = 0; commit < graph.size - 1; commit++) {
    const parent = graph.parents(commit)[0];
    const chance = parent !== undefined && flags[parent] === 1 ? 1 - mends : breaks;
    flags[commit] = random() < chance ? 1 : 0;
  }
  return flags;
}
