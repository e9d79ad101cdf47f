import { Priority } from '@kbisect/shared/gen/kbisect/v1/job';

/** The priorities as people name them. */
export const PRIORITIES = {
  low: Priority.PRIORITY_LOW,
  normal: Priority.PRIORITY_NORMAL,
  high: Priority.PRIORITY_HIGH,
} as const;
export type PriorityWord = keyof typeof PRIORITIES;

/** What a job of each priority counts among those of its submitter. */
const WEIGHTS = { low: 1, normal: 4, high: 16 } as const satisfies Record<PriorityWord, number>;

/** A priority as people name it; normal when nothing was said. */
export function priorityWord(priority: Priority = Priority.PRIORITY_NORMAL): PriorityWord {
  switch (priority) {
    case Priority.PRIORITY_LOW:
      return 'low';
    case Priority.PRIORITY_UNSPECIFIED:
    case Priority.PRIORITY_NORMAL:
      return 'normal';
    case Priority.PRIORITY_HIGH:
      return 'high';
  }
}

export function weightOf(priority: Priority | undefined): number {
  return WEIGHTS[priorityWord(priority)];
}
