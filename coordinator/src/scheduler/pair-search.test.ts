import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Check, CheckKind, CheckResult, Verdict } from '@kbisect/shared/gen/kbisect/v1/job';
import type { CommitId } from '@kbisect/shared/ids';
import { RevListParser, type CommitGraph } from '../search/graph.js';
import type { CheckState } from './check-state.js';
import { searchPair, type Merging } from './pair-search.js';

/** A straight side of so many commits. */
function side(letter: 'a' | 'b', size: number): CommitGraph {
  const id = (n: number) => letter + n.toString(16).padStart(39, '0');
  const parser = new RevListParser();
  for (let n = size; n >= 1; n--) parser.push(Buffer.from(`${id(n)} ${id(n - 1)}\n`));
  return parser.end();
}

function stateOf({ of, onto }: Merging, verdict: Verdict): CheckState {
  const check = Check.fromPartial({ kind: CheckKind.CHECK_KIND_PAIR, of, onto, commit: of });
  const result = CheckResult.CHECK_RESULT_PASS;
  return { check, outcomes: [], failedOn: [], builds: 0, result, detail: '', verdict };
}

const at = (graph: CommitGraph, commit: string) => graph.indexOf(commit as CommitId)! + 1;

it('the two commits are found that are new only together, in few merges, wherever they are', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 60 }).chain((n) => fc.tuple(fc.constant(n), fc.integer({ min: 1, max: n }))),
      fc.integer({ min: 1, max: 60 }).chain((n) => fc.tuple(fc.constant(n), fc.integer({ min: 1, max: n }))),
      ([oneSize, oneAt], [otherSize, otherAt]) => {
        const [one, other] = [side('a', oneSize), side('b', otherSize)];
        const tried: CheckState[] = [];
        for (let round = 0; ; round++) {
          expect(round).toBeLessThan(20);
          const pairing = searchPair({ kind: 'sides', one, other }, tried);
          if (pairing.kind === 'searching') {
            for (const merging of pairing.make) {
              const commits = [merging.of, merging.onto];
              const has = (graph: CommitGraph, place: number) =>
                commits.some((commit) => graph.indexOf(commit) !== undefined && at(graph, commit) >= place);
              const isNew = has(one, oneAt) && has(other, otherAt);
              tried.push(stateOf(merging, isNew ? Verdict.VERDICT_NEW : Verdict.VERDICT_OLD));
            }
            continue;
          }
          expect(pairing).toEqual({ kind: 'found', pair: [one.id(oneAt - 1), other.id(otherAt - 1)] });
          expect(tried.length).toBeLessThan(4 * (2 + Math.log2(oneSize) / 2 + Math.log2(otherSize) / 2));
          return;
        }
      },
    ),
  );
});

it('of sides whose merges cannot be tested none is found, and that is said', () => {
  const [one, other] = [side('a', 4), side('b', 4)];
  const tried: CheckState[] = [];
  for (;;) {
    const pairing = searchPair({ kind: 'sides', one, other }, tried);
    if (pairing.kind === 'searching') {
      tried.push(...pairing.make.map((merging) => stateOf(merging, Verdict.VERDICT_SKIP)));
      continue;
    }
    expect(pairing.kind).toBe('none');
    return;
  }
});
