import type { CommitGraph, CommitIndex } from './graph.js';
import { Ancestors, type Hypotheses } from './hypotheses.js';

/** Gains below this many bits are the noise of the arithmetic. */
const NOTHING = 1e-9;

/** The hypotheses that tests chosen so far leave together: the same verdicts follow from each of them. */
interface Cell {
  readonly mask: Uint8Array;
  /** The bytes of the mask that are not 0. */
  readonly positions: readonly number[];
  readonly share: number;
}

/**
 * Chooses up to `slots` commits whose verdicts together tell the most about the culprit, given that those `inFlight`
 * will be known too: greedily by joint entropy, each weighed by `worth` (0: not to be tested). Entropy is submodular,
 * so that a gain computed earlier bounds today's and few have to be computed again (lazy greedy, Minoux 1978).
 */
export function selectCommits(request: {
  readonly graph: CommitGraph;
  readonly hypotheses: Hypotheses;
  readonly slots: number;
  readonly inFlight: readonly CommitIndex[];
  readonly worth: (commit: CommitIndex) => number;
}): CommitIndex[] {
  const { graph, hypotheses, worth } = request;
  const ancestors = new Ancestors(graph, hypotheses);
  const sums = new ByteSums(hypotheses.shares, ancestors.width);
  let cells = [wholeCell(hypotheses, ancestors.width)];
  for (const commit of request.inFlight) cells = split(cells, ancestors, sums, commit);

  const gain = (commit: CommitIndex): number => {
    let bits = 0;
    for (const cell of cells)
      bits += cell.share * binaryEntropy(sums.of(ancestors, commit, cell) / cell.share);
    return bits;
  };
  const options = representatives(ancestors, worth).map((commit) => {
    const value = worth(commit);
    return { commit, value, bound: value * gain(commit) };
  });
  const chosen: CommitIndex[] = [];
  while (chosen.length < request.slots) {
    options.sort((one, other) => other.bound - one.bound);
    let best: (typeof options)[number] | undefined;
    for (const option of options) {
      if (best !== undefined && option.bound <= best.bound) break;
      if (option.bound <= NOTHING * option.value) break;
      option.bound = option.value * gain(option.commit);
      if (best === undefined || option.bound > best.bound) best = option;
    }
    if (best === undefined || best.bound <= NOTHING * best.value) break;
    chosen.push(best.commit);
    cells = split(cells, ancestors, sums, best.commit);
    best.bound = 0;
  }
  return chosen;
}

/** Of the commits that have the same hypotheses among their ancestors, the worthiest; the oldest of equals. */
function representatives(ancestors: Ancestors, worth: (commit: CommitIndex) => number): CommitIndex[] {
  const chosen: CommitIndex[] = [];
  const places = new Map<number, number>();
  for (let commit = 0; commit < ancestors.graph.size; commit++) {
    const value = worth(commit);
    if (value === 0) continue;
    const hash = ancestors.hash(commit);
    const place = places.get(hash);
    if (place === undefined) {
      places.set(hash, chosen.length);
      chosen.push(commit);
    } else if (!ancestors.same(chosen[place]!, commit)) {
      chosen.push(commit);
    } else if (value > worth(chosen[place]!)) {
      chosen[place] = commit;
    }
  }
  return chosen;
}

/** Adds up shares of hypotheses by whole bytes of their bits, from a table of each byte's 256 sums. */
class ByteSums {
  readonly #tables: Float64Array;

  constructor(values: Float64Array, width: number) {
    this.#tables = new Float64Array(256 * width);
    for (let position = 0; position < width; position++) {
      for (let byte = 1; byte < 256; byte++) {
        const lowest = 31 - Math.clz32(byte & -byte);
        this.#tables[256 * position + byte] =
          this.#tables[256 * position + (byte & (byte - 1))]! + (values[8 * position + lowest] ?? 0);
      }
    }
  }

  /** The sum over those hypotheses of the cell that are ancestors of the commit. */
  of({ bytes, width }: Ancestors, commit: CommitIndex, { mask, positions }: Cell): number {
    const row = commit * width;
    let sum = 0;
    for (const position of positions) {
      sum += this.#tables[256 * position + (bytes[row + position]! & mask[position]!)]!;
    }
    return sum;
  }
}

function wholeCell({ culprits }: Hypotheses, width: number): Cell {
  const mask = new Uint8Array(width);
  for (let bit = 0; bit < culprits.length; bit++) mask[bit >> 3]! |= 1 << (bit & 7);
  return { mask, positions: nonZero(mask), share: 1 };
}

/** Parts each cell into what the commit's verdict would tell apart. */
function split(cells: readonly Cell[], ancestors: Ancestors, sums: ByteSums, commit: CommitIndex): Cell[] {
  const row = ancestors.bytes.subarray(commit * ancestors.width, (commit + 1) * ancestors.width);
  return cells.flatMap((cell) => {
    const inside = cell.mask.map((byte, position) => byte & row[position]!);
    const outside = cell.mask.map((byte, position) => byte & ~row[position]!);
    const share = sums.of(ancestors, commit, cell);
    return [
      { mask: inside, positions: nonZero(inside), share },
      { mask: outside, positions: nonZero(outside), share: cell.share - share },
    ].filter(({ positions }) => positions.length > 0);
  });
}

function nonZero(mask: Uint8Array): number[] {
  const positions: number[] = [];
  mask.forEach((byte, position) => {
    if (byte !== 0) positions.push(position);
  });
  return positions;
}

/** Entropy in bits of a coin that shows heads with probability `p`; 0 for what rounding puts outside of [0, 1]. */
export function binaryEntropy(p: number): number {
  if (!(p > 0 && p < 1)) return 0;
  return -p * Math.log2(p) - (1 - p) * Math.log2(1 - p);
}
