import { CheckKind, CheckResult, Verdict } from '@kbisect/shared/gen/kbisect/v1/job';
import type { CommitId } from '@kbisect/shared/ids';
import type { CommitGraph } from '../search/graph.js';
import { Search } from '../search/search.js';
import type { CheckState } from './check-state.js';

/** So many merges are tried at once. */
const SLOTS = 4;

/** The two sides of a merge: what each has that the other has not, its own parent last; or why they are not searched. */
export type Sides =
  | { readonly kind: 'sides'; readonly one: CommitGraph; readonly other: CommitGraph }
  | { readonly kind: 'none'; readonly reason: string };

/** Two commits that are to be merged and tried. */
export interface Merging {
  readonly of: CommitId;
  readonly onto: CommitId;
}

/** How the search for a pair stands. */
export type Pairing =
  | { readonly kind: 'found'; readonly pair: readonly [CommitId, CommitId] }
  /** It cannot be told, and why. */
  | { readonly kind: 'none'; readonly reason: string }
  /** What is to be made, and which of those that are being tried still matter. */
  | {
      readonly kind: 'searching';
      readonly make: readonly Merging[];
      readonly useful: ReadonlySet<CheckState>;
    };

/**
 * Which two commits of a merge's sides are new only together: the first of one side that is new when it is merged with the
 * tip of the other, then the first of the other side that is new when it is merged with that one. Both sides alone are old.
 * @param tried the pairs tried so far
 */
export function searchPair(sides: Sides, tried: readonly CheckState[]): Pairing {
  if (sides.kind === 'none') return sides;
  const { one, other } = sides;
  const second = searchSide(other, one.id(one.size - 1), tried);
  if (typeof second !== 'string') return second;
  const first = searchSide(one, second, tried);
  if (typeof first !== 'string') return first;
  return { kind: 'found', pair: [first, second] };
}

/** The first commit of a side that is new when it is merged with another. */
function searchSide(
  side: CommitGraph,
  onto: CommitId,
  tried: readonly CheckState[],
): CommitId | Exclude<Pairing, { kind: 'found' }> {
  const search = new Search(side, { seed: 1 });
  const open = new Map<number, CheckState>();
  for (const state of tried) {
    const place = state.check.onto === onto ? side.indexOf(state.check.of as CommitId) : undefined;
    if (place === undefined) continue;
    if (state.result === CheckResult.CHECK_RESULT_UNSPECIFIED) open.set(place, state);
    else search.observe(place, READINGS[state.verdict] ?? 'skip');
  }
  const conclusion = search.conclusion();
  switch (conclusion.kind) {
    case 'found':
      return side.id(conclusion.culprit);
    case 'searching':
      break;
    case 'ambiguous':
    case 'flake':
      return { kind: 'none', reason: 'too few merges of its sides can be tested' };
  }
  const futile = new Set(search.futile([...open.keys()]));
  const useful = [...open].filter(([place]) => !futile.has(place));
  const inFlight = useful.map(([place]) => place);
  const chosen = search.choose({ slots: SLOTS - inFlight.length, inFlight });
  const make = chosen.map((place) => ({ of: side.id(place), onto }));
  return { kind: 'searching', make, useful: new Set(useful.map(([, state]) => state)) };
}

const READINGS: Partial<Record<Verdict, 'old' | 'new'>> = {
  [Verdict.VERDICT_OLD]: 'old',
  [Verdict.VERDICT_NEW]: 'new',
};

/** Whether a check is one of a pair. */
export function isOfPair({ check }: CheckState): boolean {
  return check.kind === CheckKind.CHECK_KIND_PAIR;
}
