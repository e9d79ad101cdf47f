import { KbisectError } from '@kbisect/shared/errors';
import type { Logger } from '@kbisect/shared/log';
import type { OpenJournal } from '../journal/open-journal.js';
import { Authority } from './certificates.js';
import { Credentials } from './credentials.js';
import { DirectoryIdentityStore } from './directory-identity-store.js';
import { FarmSecret } from './farm-secret.js';
import type { IdentityStore } from './identity-store.js';
import { JetStreamIdentityStore } from './jetstream-identity-store.js';

/** The farm's authority, and who may come in. */
export interface OpenIdentity {
  readonly authority: Authority;
  readonly credentials: Credentials;
}

/**
 * Opens the farm's identity: in this coordinator's directory, or where the journal is that it shares with others. The first
 * coordinator that finds nothing there brings what is in its directory, or makes a new one.
 * @param secretFile what it is sealed with where it is shared
 * @throws KbisectError `invalid-argument` when it is to be shared and there is no such file; `data-loss`; `unavailable`
 */
export async function openIdentity(
  directory: string,
  shared: OpenJournal['shared'],
  secretFile: string | undefined,
  now: () => number,
  log: Logger,
): Promise<OpenIdentity> {
  const own = new DirectoryIdentityStore(directory);
  const store = shared === undefined ? own : await openShared(shared, secretFile, log);
  const { kept, revision } = await established(store, own, now());
  const brought = store === own ? undefined : await own.read();
  if (brought && brought.kept.authority.certificate !== kept.authority.certificate)
    log.warn({ directory }, 'the authority in this directory is not the one of the farm, and is not used');
  return {
    authority: await Authority.of(kept.authority),
    credentials: new Credentials(store, kept, revision, now),
  };
}

async function openShared(
  { connection, replicas }: NonNullable<OpenJournal['shared']>,
  secretFile: string | undefined,
  log: Logger,
): Promise<IdentityStore> {
  if (secretFile !== undefined)
    return JetStreamIdentityStore.open(connection, replicas, await FarmSecret.read(secretFile), log);
  throw new KbisectError(
    'invalid-argument',
    'coordinators that share a journal over TLS share the authority and the credentials, too, sealed: make a file with ' +
      "'openssl rand -hex 32' and name it as 'identity': { 'secretFile': PATH } in the --config file of each",
  );
}

/** What the store has, after what was brought, or a new authority, was put there if it had nothing. */
async function established(store: IdentityStore, own: IdentityStore, now: number) {
  for (;;) {
    const there = await store.read();
    if (there !== undefined) return there;
    const brought = (await own.read())?.kept;
    const kept = brought ?? { authority: (await Authority.make(now)).pair, credentials: [] };
    // Of several that come at once one is the first; it is read again then.
    await store.write(kept, undefined);
  }
}
