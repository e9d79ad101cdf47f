import type { Outcome } from '@kbisect/shared/gen/kbisect/v1/job';
import { describeOutcome } from '../scheduler/oracle.js';

/** Outcomes with their numbers, where there are several: `FAIL 3 times, PASS 7 times`. */
export function trialsInShort(outcomes: readonly Outcome[]): string {
  const counts = new Map<string, number>();
  for (const outcome of outcomes.map(describeOutcome)) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  const shown = [...counts].map(([outcome, times]) => (times === 1 ? outcome : `${outcome} ${times} times`));
  return shown.join(', ');
}
