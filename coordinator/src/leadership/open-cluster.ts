import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { writeDurably } from '@kbisect/shared/cache/durable-file';
import type { Git } from '@kbisect/shared/git';
import type { Logger } from '@kbisect/shared/log';
import { readIfThere } from '@kbisect/shared/read-if-there';
import type { OpenJournal } from '../journal/open-journal.js';
import { JetStreamLeadership } from './jetstream-leadership.js';
import type { Leadership } from './leadership.js';
import { Peers } from './peers.js';
import { SoleLeadership } from './sole-leadership.js';

/** A coordinator as others reach it. */
export interface Reached {
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
 * @param state the coordinator's directory, which says which one it is
 * @throws KbisectError `unavailable` when JetStream does not answer
 */
export async function openCluster(
  { shared }: OpenJournal,
  state: string,
  reached: Reached,
  git: Git,
  log: Logger,
): Promise<Cluster> {
  if (shared === undefined) return { leadership: new SoleLeadership(reached.address) };
  const { connection, replicas } = shared;
  const me = { id: await identityOf(state), ...reached };
  return {
    leadership: await JetStreamLeadership.open(connection, replicas, me, log),
    peers: await Peers.open(connection, replicas, me, git, log),
  };
}

/** The id of the coordinator whose directory this is; given once. */
async function identityOf(state: string): Promise<string> {
  const path = join(state, 'coordinator-id');
  const known = (await readIfThere(path))?.trim();
  if (known) return known;
  const id = randomUUID();
  await writeDurably(path, Buffer.from(`${id}\n`), state);
  return id;
}
