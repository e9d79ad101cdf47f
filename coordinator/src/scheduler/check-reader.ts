import { commitId, type CommitId } from '@kbisect/shared/ids';
import type { Reader } from './check-state.js';
import type { Ends } from './ends.js';
import type { Evidence } from './evidence.js';
import { describeTally, nearer, readingOf, tally, trialsToBeSure } from './noise.js';
import type { Proof } from './oracle.js';

/** Reads the trials of checks by what a job's proved ends show. */
export function readerOf(ends: Ends, evidence: Evidence, proof: Proof): Reader {
  const { wanted } = ends;
  const trials = (end: CommitId) => evidence.of(end).outcomes;
  const known = { old: ends.olds.flatMap(trials), new: [...trials(ends.new)] };
  return {
    reading: (outcome) => readingOf(outcome, proof, wanted),
    nearer: (outcomes) => nearer(outcomes, known, proof, wanted),
    telling: proof.new === 'pass' ? 'old' : 'new',
    image: (commit) => evidence.of(commitId(commit)).image,
    tried: (image) => evidence.triedOf(image),
    describe: (outcomes) => {
      const its = tally(outcomes, wanted);
      return its === undefined ? 'no outcome' : describeTally(its);
    },
  };
}

/** How often a check is tried: as often as it takes for the trouble to show, where it may not. */
export function trialsOfChecks(
  { proof, wanted, olds, new: neu }: Ends,
  evidence: Evidence,
  noisy: boolean,
): number {
  if (!noisy || proof === undefined) return 1;
  const [troubled, trouble] = proof.new === 'pass' ? [olds, proof.old] : [[neu], proof.new];
  return trialsToBeSure(
    troubled.flatMap((end) => evidence.of(end).outcomes),
    trouble,
    wanted,
  );
}
