import type { WatchResponse } from '@kbisect/shared/gen/kbisect/v1/farm';

type Message = NonNullable<WatchResponse['kind']>;

/** One thing that a watcher is told. */
export type Told = Exclude<Message, { readonly $case: 'events' | 'work' }>;

/** What a message tells, one by one. */
export function toldApart(message: Message): Told[] {
  switch (message.$case) {
    case 'events':
      return message.value.events.map((value) => ({ $case: 'event', value }));
    case 'work': {
      const { activities, outlook } = message.value;
      const work = activities.map((value) => ({ $case: 'activity' as const, value }));
      return outlook === undefined ? work : [...work, { $case: 'outlook', value: outlook }];
    }
    case 'event':
    case 'activity':
    case 'outlook': // one by one already
      return [message];
  }
}
