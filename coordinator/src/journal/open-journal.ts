import { join } from 'node:path';
import { connectNats } from '../nats.js';
import { EmbeddedJournal } from './embedded-journal.js';
import { JetStreamJournal } from './jetstream-journal.js';
import type { Journal } from './journal.js';

/** Where the journal is kept. */
export type JournalPlace =
  | { readonly kind: 'embedded' }
  /** A stream of NATS JetStream: the servers as NATS names them, and how many of them keep each event. */
  | { readonly kind: 'jetstream'; readonly servers: string; readonly replicas: number };

/**
 * Opens the journal; whoever closes it closes its connection, too.
 * @param state the coordinator's directory
 * @throws KbisectError `unavailable` when NATS cannot be reached or has no JetStream
 */
export async function openJournal(
  place: JournalPlace,
  state: string,
): Promise<{ journal: Journal; close: () => Promise<void> }> {
  if (place.kind === 'embedded') {
    const journal = new EmbeddedJournal(join(state, 'journal.mdb'));
    return { journal, close: () => journal.close() };
  }
  const { servers, replicas } = place;
  const connection = await connectNats(servers);
  try {
    const journal = await JetStreamJournal.open(connection, replicas);
    return { journal, close: () => connection.close() };
  } catch (error) {
    await connection.close();
    throw error;
  }
}
