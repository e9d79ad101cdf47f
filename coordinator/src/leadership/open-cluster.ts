import type { Git, GitTls } from '@kbisect/shared/git';
import type { Logger } from '@kbisect/shared/log';
import type { OpenJournal } from '../journal/open-journal.js';
import { answersAt } from './answers-at.js';
import { JetStreamLeadership } from './jetstream-leadership.js';
import type { Leadership } from './leadership.js';
import { Peers } from './peers.js';
import { SoleLeadership } from './sole-leadership.js';

/** A coordinator as others reach it. */
export interface Reached {
  readonly id: string;
  /** gRPC, `host:port`. */
  readonly address: string;
  readonly gitUrl: string;
}

/** The coordinators that share a journal. */
export interface Cluster {
  readonly leadership: Leadership;
  /** The others; none where the journal is a file of this machine's. */
  readonly peers?: Peers;
}

/**
 * Joins the coordinators that share the journal.
 * @param me this coordinator
 * @param tls how the others' repositories are reached; undefined where they are plain
 * @throws KbisectError `unavailable` when JetStream does not answer
 */
export async function openCluster(
  { shared }: OpenJournal,
  me: Reached,
  git: Git,
  tls: GitTls | undefined,
  log: Logger,
): Promise<Cluster> {
  if (shared === undefined) return { leadership: new SoleLeadership(me.address) };
  const { connection, replicas } = shared;
  return {
    leadership: await JetStreamLeadership.open(connection, replicas, me, log, answersAt),
    peers: await Peers.open(connection, replicas, me, git, tls, log),
  };
}
