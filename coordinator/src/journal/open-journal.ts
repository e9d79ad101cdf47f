import { join } from 'node:path';
import type { NatsConnection } from '@nats-io/nats-core';
import { closeNats, connectNats } from '../nats.js';
import type { NatsAccess } from '../nats-access.js';
import { EmbeddedJournal } from './embedded-journal.js';
import { EmbeddedSnapshots } from './embedded-snapshots.js';
import { JetStreamJournal } from './jetstream-journal.js';
import { JetStreamSnapshots } from './jetstream-snapshots.js';
import type { Journal } from './journal.js';
import type { Snapshots } from './snapshots.js';

/** Where the journal is kept. */
export type JournalPlace =
  | { readonly kind: 'embedded' }
  /** A stream of NATS JetStream: the servers as NATS names them, and how many of them keep each event. */
  | {
      readonly kind: 'jetstream';
      readonly servers: string;
      readonly replicas: number;
      readonly access?: NatsAccess;
    };

/** A journal that is open. */
export interface OpenJournal {
  readonly journal: Journal;
  readonly snapshots: Snapshots;
  /** Where others may write to it, too: what coordinators agree on the leader by. */
  readonly shared?: { readonly connection: NatsConnection; readonly replicas: number };
  close(): Promise<void>;
}

/**
 * Opens the journal; whoever closes it closes its connection, too.
 * @param state the coordinator's directory
 * @throws KbisectError `unavailable` when NATS cannot be reached or has no JetStream
 */
export async function openJournal(place: JournalPlace, state: string): Promise<OpenJournal> {
  if (place.kind === 'embedded') {
    const journal = new EmbeddedJournal(join(state, 'journal.mdb'));
    const snapshots = new EmbeddedSnapshots(join(state, 'snapshots.mdb'));
    const close = async () => {
      await snapshots.close();
      await journal.close();
    };
    return { journal, snapshots, close };
  }
  const { servers, replicas, access } = place;
  const connection = await connectNats(servers, access);
  try {
    const journal = await JetStreamJournal.open(connection, replicas);
    const snapshots = await JetStreamSnapshots.open(connection, replicas);
    return { journal, snapshots, shared: { connection, replicas }, close: () => closeNats(connection) };
  } catch (error) {
    await closeNats(connection);
    throw error;
  }
}
