/** A job's claim on free slots. */
export interface Claim<T> {
  readonly job: T;
  /** Whose it is. */
  readonly submitter: string;
  /** Slots that it has already. */
  readonly held: number;
  /** What it counts among the jobs of its submitter. */
  readonly weight: number;
  /** It has had no slot for long: its first one is given as if it counted as much as any job of its submitter. */
  readonly overdue: boolean;
  /** So many of the free slots are of use to it. */
  readonly usable: number;
}

/** A claim that is not met yet. */
interface Seeker<T> {
  readonly claim: Claim<T>;
  given: number;
}

/**
 * Shares out free slots one by one, each to the submitter who would hold the fewest and, of their jobs, to the one that would
 * hold the fewest for its weight; the first of equals is served first. No job gets more than are of use to it. Gives how many
 * each job gets.
 * @param others slots that submitters have for jobs that claim nothing
 */
export function fairShares<T>(
  claims: readonly Claim<T>[],
  slots: number,
  others: ReadonlyMap<string, number> = new Map(),
): Map<T, number> {
  const granted = new Map<T, number>();
  const bySubmitter = new Map<string, Seeker<T>[]>();
  const theirs = new Map<string, number>();
  /** The greatest weight of those who can use a slot. */
  const most = new Map<string, number>();
  for (const claim of claims) {
    const { submitter, held, usable, weight } = claim;
    theirs.set(submitter, (theirs.get(submitter) ?? others.get(submitter) ?? 0) + held);
    if (usable === 0) continue;
    bySubmitter.set(submitter, [...(bySubmitter.get(submitter) ?? []), { claim, given: 0 }]);
    most.set(submitter, Math.max(most.get(submitter) ?? 0, weight));
  }
  for (let n = 0; n < slots && bySubmitter.size > 0; n++) {
    const submitter = least([...bySubmitter.keys()], (one) => theirs.get(one)!);
    const seekers = bySubmitter.get(submitter)!;
    const seeker = least(seekers, (one) => burden(one, most.get(submitter)!));
    const { job, usable } = seeker.claim;
    seeker.given += 1;
    theirs.set(submitter, theirs.get(submitter)! + 1);
    granted.set(job, seeker.given);
    if (seeker.given < usable) continue;
    if (seekers.length === 1) bySubmitter.delete(submitter);
    else seekers.splice(seekers.indexOf(seeker), 1);
  }
  return granted;
}

/** What a job would hold with one slot more, for its weight. */
function burden<T>({ claim: { held, weight, overdue }, given }: Seeker<T>, most: number): number {
  const holds = held + given;
  return (holds + 1) / (overdue && holds === 0 ? most : weight);
}

/** The first of those of which a measure is the least. */
function least<T extends string | object>(some: readonly T[], measure: (one: T) => number): T {
  let found = some[0]!;
  for (const one of some) {
    if (measure(one) < measure(found)) found = one;
  }
  return found;
}
