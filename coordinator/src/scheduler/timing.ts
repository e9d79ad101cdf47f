/** How long the scheduler waits for whom, in milliseconds. */
export interface Timing {
  /** How often an agent says which leases it works on. */
  readonly heartbeatMs: number;
  /** A lease not named in a heartbeat for so long is over, and its commit goes elsewhere. */
  readonly leaseMs: number;
  /** An offer not accepted for so long is withdrawn. */
  readonly acceptMs: number;
  /** The longest rest of an agent whose tasks keep failing; it begins at a second and doubles. */
  readonly maxRestMs: number;
  /** A lease of which nothing moves for so long, besides heartbeats, is over: its worker hangs. */
  readonly stallMs: number;
  /** A task that takes twice as long as it should, and at least this, may be doubled. */
  readonly stragglerMs: number;
  /** A job that has had no slot for so long is overdue: those of higher priority no longer go before it. */
  readonly overdueMs: number;
}

export const DEFAULT_TIMING: Timing = {
  heartbeatMs: 3_000,
  leaseMs: 15_000,
  acceptMs: 10_000,
  maxRestMs: 60_000,
  stallMs: 3_600_000,
  stragglerMs: 120_000,
  overdueMs: 1_800_000,
};
