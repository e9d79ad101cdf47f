/** What a test of a subset has shown: what is looked for, that it is not there, or nothing that tells. */
export type SubsetResult = 'interesting' | 'uninteresting' | 'unresolved';

/** Elements by their numbers, ascending. */
export type Subset = readonly number[];

/** How a minimisation stands. */
export type Minimisation =
  /** Without any one of its elements the subset is no longer interesting. */
  | { readonly kind: 'minimal'; readonly subset: Subset }
  /** The smallest interesting subset so far, and what is to be tested, in the order in which it counts. */
  | { readonly kind: 'searching'; readonly subset: Subset; readonly wanted: readonly Subset[] };

/**
 * The ddmin algorithm of A. Zeller and R. Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", IEEE Transactions
 * on Software Engineering 28(2), 2002, section 3; besides, nothing at all is tested first. All subsets of a level may be
 * tested side by side: the first interesting one in the algorithm's order counts, so that the end is that of tests one after
 * the other, and those behind it are wanted no more.
 *
 * It keeps no state: it goes the same way again through what is known, to where something is not.
 * @param size of the whole, elements 0 to size - 1, which is interesting
 * @param resultOf what is known of a subset
 * @param atOnce how many subsets are wanted at most
 */
export function ddmin(
  size: number,
  resultOf: (subset: Subset) => SubsetResult | undefined,
  atOnce: number,
): Minimisation {
  const whole = Array.from({ length: size }, (_, element) => element);
  let [subset, parts]: [Subset, number] = [whole, 2];
  for (;;) {
    const wanted: Subset[] = [];
    let reduced: Reduction | undefined;
    for (const candidate of reductionsOf(subset, parts, subset === whole && parts === 2)) {
      const result = resultOf(candidate.subset);
      if (result === undefined) wanted.push(candidate.subset);
      if (result === 'interesting') reduced = candidate;
      if (reduced !== undefined || wanted.length === atOnce) break;
    }
    if (wanted.length > 0) return { kind: 'searching', subset: reduced?.subset ?? subset, wanted };
    if (reduced !== undefined) [subset, parts] = [reduced.subset, reduced.parts];
    else if (parts < subset.length) parts = Math.min(2 * parts, subset.length);
    else return { kind: 'minimal', subset };
  }
}

/** A smaller subset, and the number of parts that it is divided into if it is interesting. */
interface Reduction {
  readonly subset: Subset;
  readonly parts: number;
}

/** One level: the parts of a subset, of about one size, then the subset without each of them. */
function* reductionsOf(subset: Subset, parts: number, withNothing: boolean): Iterable<Reduction> {
  if (withNothing && subset.length > 0) yield { subset: [], parts: 2 };
  if (subset.length < 2) return;
  const bounds = Array.from({ length: parts + 1 }, (_, n) => Math.floor((n * subset.length) / parts));
  for (let n = 0; n < parts; n++) yield { subset: subset.slice(bounds[n], bounds[n + 1]), parts: 2 };
  // Of two parts each is the whole without the other.
  for (let n = 0; n < parts && parts > 2; n++) {
    const rest = [...subset.slice(0, bounds[n]), ...subset.slice(bounds[n + 1])];
    yield { subset: rest, parts: Math.max(parts - 1, 2) };
  }
}
