import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { natsIsInstalled, startNats } from '../nats-under-test.js';
import { EmbeddedJournal } from './embedded-journal.js';
import { EmbeddedSnapshots } from './embedded-snapshots.js';
import { JetStreamJournal } from './jetstream-journal.js';
import { JetStreamSnapshots } from './jetstream-snapshots.js';
import type { Journal } from './journal.js';
import type { Snapshots } from './snapshots.js';

/** An engine of the journal and its snapshots: it keeps what it has while they are opened and closed on it. */
export interface Engine {
  readonly open: () => Promise<Journal>;
  readonly openSnapshots: () => Promise<Snapshots>;
  readonly end: () => Promise<void>;
}

async function embedded(): Promise<Engine> {
  const directory = await mkdtemp(join(tmpdir(), 'kbisect-journal-'));
  return {
    open: () => Promise.resolve(new EmbeddedJournal(join(directory, 'journal.mdb'))),
    openSnapshots: () => Promise.resolve(new EmbeddedSnapshots(join(directory, 'snapshots.mdb'))),
    end: () => rm(directory, { recursive: true }),
  };
}

async function jetStream(): Promise<Engine> {
  const { connection, stop } = await startNats();
  return {
    open: () => JetStreamJournal.open(connection, 1),
    openSnapshots: () => JetStreamSnapshots.open(connection, 1),
    end: stop,
  };
}

/** All engines that can run here; each passes one suite. */
export const engines: { name: string; start: () => Promise<Engine> }[] = [
  { name: 'embedded', start: embedded },
  ...(natsIsInstalled ? [{ name: 'JetStream', start: jetStream }] : []),
];
