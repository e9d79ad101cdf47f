/** A job's claim on free slots. */
export interface Claim<T> {
  readonly job: T;
  /** Whose it is. */
  readonly submitter: string;
  /** Slots that it has already. */
  readonly held: number;
}

/**
 * Shares out free slots one by one, each to the submitter who would hold the fewest and, of their jobs, to the one that would
 * hold the fewest; the first of equals is served first. Gives how many each job gets.
 * @param others slots that submitters have for jobs that claim nothing
 */
export function fairShares<T>(
  claims: readonly Claim<T>[],
  slots: number,
  others: ReadonlyMap<string, number> = new Map(),
): Map<T, number> {
  const granted = new Map<T, number>();
  const holds = new Map(claims.map((claim) => [claim, claim.held]));
  const bySubmitter = new Map<string, Claim<T>[]>();
  const theirs = new Map<string, number>();
  for (const claim of claims) {
    const { submitter, held } = claim;
    bySubmitter.set(submitter, [...(bySubmitter.get(submitter) ?? []), claim]);
    theirs.set(submitter, (theirs.get(submitter) ?? others.get(submitter) ?? 0) + held);
  }
  for (let n = 0; n < slots && claims.length > 0; n++) {
    const submitter = poorest([...theirs.keys()], (one) => theirs.get(one)!);
    const claim = poorest(bySubmitter.get(submitter)!, (one) => holds.get(one)!);
    theirs.set(submitter, theirs.get(submitter)! + 1);
    holds.set(claim, holds.get(claim)! + 1);
    granted.set(claim.job, (granted.get(claim.job) ?? 0) + 1);
  }
  return granted;
}

/** The first of those who hold the least. */
function poorest<T extends string | object>(some: readonly T[], holds: (one: T) => number): T {
  let found = some[0]!;
  for (const one of some) {
    if (holds(one) < holds(found)) found = one;
  }
  return found;
}
