import type { CommitIndex } from './graph.js';
import type { Ancestors, Hypotheses } from './hypotheses.js';

/** Hypotheses that some tests leave together: the same verdicts follow from each of them. */
export interface Cell {
  readonly mask: Uint8Array;
  /** The bytes of the mask that are not 0. */
  readonly positions: readonly number[];
}

/** The cell of all hypotheses. */
export function wholeCell({ culprits }: Hypotheses, width: number): Cell {
  const mask = new Uint8Array(width);
  for (let bit = 0; bit < culprits.length; bit++) mask[bit >> 3]! |= 1 << (bit & 7);
  return { mask, positions: nonZero(mask) };
}

/** What a test of the commit parts a cell into: the hypotheses that are its ancestors, and the others. */
export function splitCell(
  cell: Cell,
  ancestors: Ancestors,
  commit: CommitIndex,
): { inside: Cell; outside: Cell } {
  const start = ancestors.start(commit);
  const row = ancestors.bytes.subarray(start, start + ancestors.width);
  const inside = cell.mask.map((byte, position) => byte & row[position]!);
  const outside = cell.mask.map((byte, position) => byte & ~row[position]!);
  return {
    inside: { mask: inside, positions: nonZero(inside) },
    outside: { mask: outside, positions: nonZero(outside) },
  };
}

function nonZero(mask: Uint8Array): number[] {
  const positions: number[] = [];
  mask.forEach((byte, position) => {
    if (byte !== 0) positions.push(position);
  });
  return positions;
}

/** Adds up values of hypotheses by whole bytes of their bits, from a table of each byte's 256 sums. */
export class ByteSums {
  readonly #tables: Float64Array;

  constructor(values: Float64Array, width: number) {
    const tables = new Float64Array(256 * width);
    for (let position = 0; position < width; position++) {
      const start = 256 * position;
      for (let bit = 7; bit >= 0; bit--) {
        const value = values[8 * position + bit] ?? 0;
        // Each byte whose lowest bit this is, from the same one without it.
        for (let others = 0; others < 256; others += 2 << bit)
          tables[start + others + (1 << bit)] = tables[start + others]! + value;
      }
    }
    this.#tables = tables;
  }

  /** The sum over the hypotheses of a cell. */
  all({ mask, positions }: Cell): number {
    let sum = 0;
    for (const position of positions) sum += this.#tables[256 * position + mask[position]!]!;
    return sum;
  }

  /** The sum over those hypotheses of a cell that are ancestors of the commit. */
  inside(ancestors: Ancestors, commit: CommitIndex, { mask, positions }: Cell): number {
    const { bytes } = ancestors;
    const row = ancestors.start(commit);
    let sum = 0;
    for (const position of positions) {
      sum += this.#tables[256 * position + (bytes[row + position]! & mask[position]!)]!;
    }
    return sum;
  }
}
