/** A job's claim on free slots. */
export interface Claim<T> {
  readonly job: T;
  /** Slots that it has already. */
  readonly held: number;
}

/**
 * Shares out free slots one by one, each to the claimant that would hold the fewest; the first of equals is
 * served first. Gives how many each gets.
 */
export function fairShares<T>(claims: readonly Claim<T>[], slots: number): Map<T, number> {
  const granted = new Map<T, number>();
  for (let n = 0; n < slots; n++) {
    let poorest: Claim<T> | undefined;
    let least = Infinity;
    for (const claim of claims) {
      const holds = claim.held + (granted.get(claim.job) ?? 0);
      if (holds < least) {
        least = holds;
        poorest = claim;
      }
    }
    if (poorest === undefined) break;
    granted.set(poorest.job, (granted.get(poorest.job) ?? 0) + 1);
  }
  return granted;
}
