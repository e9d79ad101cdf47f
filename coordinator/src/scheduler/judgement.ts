import { Verdict } from '@kbisect/shared/gen/kbisect/v1/job';
import type { CommitId } from '@kbisect/shared/ids';
import type { Evidence } from './evidence.js';
import { judged, type FactOf } from './facts.js';
import type { Wanted } from './new-when.js';
import { judge, type Proof } from './oracle.js';

/** The verdict on a commit that follows from its evidence, or undefined when more is needed. */
export function judgement(
  commit: CommitId,
  evidence: Evidence,
  proof: Proof | undefined,
  wanted: Wanted | undefined,
): FactOf<'judged'> | undefined {
  const { buildFailure } = evidence.of(commit);
  if (buildFailure) return judged(commit, Verdict.VERDICT_SKIP, `it does not build: ${buildFailure}`);
  const given = proof && judge(evidence.latest(commit), evidence.runs, proof, wanted);
  if (given) return judged(commit, given.verdict, given.reason);
  const gaveUp = evidence.givenUp(commit);
  return gaveUp ? judged(commit, Verdict.VERDICT_SKIP, gaveUp) : undefined;
}
