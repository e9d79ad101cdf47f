import { KbisectError } from './errors.js';

/** Metadata of a status: `host:port` of the coordinator that leads, or empty while none does. */
export const LEADER_KEY = 'kbisect-leader';

/** This coordinator does not lead: nothing was done. What to do: call the one that does, or wait until one does. */
export class NotLeaderError extends KbisectError {
  /** @param leader `host:port` of the coordinator that leads; undefined while none is known */
  constructor(readonly leader: string | undefined) {
    super(
      'unavailable',
      leader === undefined
        ? 'this coordinator is not the leader, and none is known; one is elected within seconds'
        : `this coordinator is not the leader; the leader is at ${leader}`,
    );
  }
}
