import type { Leadership, Term } from './leadership.js';

/** The lead of the only coordinator there is: its state is a directory, which has one owner. */
export class SoleLeadership implements Leadership {
  constructor(readonly leader: string) {}

  attempt(): Promise<Term> {
    return this.campaign();
  }

  campaign(): Promise<Term> {
    return Promise.resolve({
      token: 1,
      over: new AbortController().signal,
      resign: () => Promise.resolve(),
    });
  }
}
