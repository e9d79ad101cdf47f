import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kvm } from '@nats-io/kv';
import { agentName } from '@kbisect/shared/ids';
import { createLog } from '@kbisect/shared/log';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { natsIsInstalled, startNats, type NatsUnderTest } from '../nats-under-test.js';
import { Authority } from './certificates.js';
import type { Credential } from './credential.js';
import { Credentials } from './credentials.js';
import { DirectoryIdentityStore } from './directory-identity-store.js';
import { FarmSecret } from './farm-secret.js';
import type { IdentityStore, Kept } from './identity-store.js';
import { JetStreamIdentityStore } from './jetstream-identity-store.js';
import { openIdentity } from './open-identity.js';

const log = createLog('test');
log.level = 'silent';
const secret = new FarmSecret(randomBytes(32));
const authority = (await Authority.make(Date.now())).pair;

const admin = (id: string): Credential => {
  const rest = { name: id, hash: '00', createdAt: 1, expiresAt: 2, revoked: false };
  return { id, kind: 'token', role: 'admin', ...rest };
};
const with_ = (...ids: string[]): Kept => ({ authority, credentials: ids.map(admin) });

/** Where stores are, which are opened and forgotten on it. */
interface Place {
  readonly open: () => Promise<IdentityStore>;
  /** Somebody else puts something there that is no farm's identity. */
  readonly damage: () => Promise<unknown>;
  readonly end: () => Promise<void>;
}

async function inDirectory(): Promise<Place> {
  const directory = await mkdtemp(join(tmpdir(), 'kbisect-identity-'));
  return {
    open: () => Promise.resolve(new DirectoryIdentityStore(directory)),
    damage: () => writeFile(join(directory, 'credentials.json'), '{}'),
    end: () => rm(directory, { recursive: true }),
  };
}

async function inJetStream(): Promise<Place> {
  const { connection, stop } = await startNats();
  return {
    open: () => JetStreamIdentityStore.open(connection, 1, secret, log),
    damage: async () =>
      (await new Kvm(connection).open('kbisect-identity')).put('farm', JSON.stringify(with_('x'))),
    end: stop,
  };
}

const places = [
  { name: 'a directory', start: inDirectory },
  ...(natsIsInstalled ? [{ name: 'JetStream', start: inJetStream }] : []),
];

describe.each(places)("a farm's identity in $name", ({ start }) => {
  let place: Place;
  let store: IdentityStore;
  beforeEach(async () => {
    place = await start();
    store = await place.open();
  });
  afterEach(() => place.end());

  it('is not there at first, and afterwards as it was written last', async () => {
    expect(await store.read()).toBeUndefined();
    const first = await store.write(with_('a'), undefined);
    expect(await store.read()).toEqual({ kept: with_('a'), revision: first });
    const second = await store.write(with_('a', 'b'), first);
    expect(second).not.toBe(first);
    expect(await (await place.open()).read()).toEqual({ kept: with_('a', 'b'), revision: second });
  });

  it('is not replaced by who has not seen the last of it', async () => {
    const first = await store.write(with_('a'), undefined);
    expect(await store.write(with_('b'), undefined)).toBeUndefined();
    const second = await store.write(with_('c'), first);
    expect(await store.write(with_('d'), first)).toBeUndefined();
    expect(await store.read()).toEqual({ kept: with_('c'), revision: second });
  });

  it('that is damaged lets nobody in', async () => {
    await store.write(with_('a'), undefined);
    await place.damage();
    await expect(store.read()).rejects.toMatchObject({ code: 'data-loss' });
  });

  it('takes a change of what was changed meanwhile, after it was made anew', async () => {
    await store.write(with_(), undefined);
    const open = async () => {
      const own = await place.open();
      const there = await own.read();
      return new Credentials(own, there!.kept, there!.revision, () => 1000);
    };
    const [one, other] = [await open(), await open()];
    const wanted = { role: 'agent', ttlMs: 1000, uses: 1, name: '' };
    const [first, second] = [await one.create(wanted), await other.create(wanted)];
    const ids = [first, second].map(({ secret: { id } }) => id).sort();
    expect((await store.read())?.kept.credentials.map(({ id }) => id).sort()).toEqual(ids);
    // A token that is good for one time is so at both together.
    const certify = () => Promise.resolve('made');
    const join = (at: Credentials, name: string) =>
      at.join(second.secret, agentName(name), '10.0.0.9', certify);
    expect(await join(one, 'a')).toBe('made');
    await expect(join(other, 'b')).rejects.toMatchObject({ code: 'unauthenticated' });
  });
});

describe.skipIf(!natsIsInstalled)('an identity that several coordinators share', () => {
  let nats: NatsUnderTest;
  let directory: string;
  let stop: AbortController;
  beforeEach(async () => {
    stop = new AbortController();
    nats = await startNats();
    directory = await mkdtemp(join(tmpdir(), 'kbisect-identity-'));
  });
  afterEach(async () => {
    stop.abort();
    await nats.stop();
    await rm(directory, { recursive: true });
  });

  const secretFile = async (name: string, text = randomBytes(32).toString('hex')) => {
    await writeFile(join(directory, name), `${text}\n`);
    return join(directory, name);
  };
  const coordinator = (name: string, file: string | undefined) => {
    const shared = { connection: nats.connection, replicas: 1 };
    return openIdentity(join(directory, name), shared, file, () => Date.now(), log);
  };

  it('is that of the first: what was in its directory, with all who had come in', async () => {
    const before = await openIdentity(join(directory, 'one'), undefined, undefined, () => Date.now(), log);
    const token = await before.credentials.create({
      role: 'viewer',
      ttlMs: 60_000,
      uses: undefined,
      name: 'kim',
    });
    const file = await secretFile('secret');
    const [one, other] = [await coordinator('one', file), await coordinator('two', file)];
    expect(other.authority.pair).toEqual(before.authority.pair);
    expect(one.authority.pair).toEqual(before.authority.pair);
    expect(other.credentials.bearer(token.secret)).toMatchObject({ kind: 'person', name: 'kim' });
  });

  it('is one of several that begin at the same moment', async () => {
    const file = await secretFile('secret');
    const all = await Promise.all(['one', 'two', 'three'].map((name) => coordinator(name, file)));
    expect(new Set(all.map(({ authority: { pair } }) => pair.certificate)).size).toBe(1);
  });

  it('holds at the others a moment later: what was revoked is refused, and cut off', async () => {
    const file = await secretFile('secret');
    const [one, other] = [await coordinator('one', file), await coordinator('two', file)];
    const following = other.credentials.follow(stop.signal);
    const { secret: shown } = await one.credentials.create({
      role: 'admin',
      ttlMs: 60_000,
      uses: undefined,
      name: '',
    });
    await expect.poll(() => other.credentials.bearer(shown).kind).toBe('person');
    const cut: string[] = [];
    other.credentials.onRevoked((ids) => cut.push(...ids));
    await one.credentials.revoke(shown.id);
    await expect.poll(() => other.credentials.bearer(shown).kind).toBe('nobody');
    expect(cut).toEqual([shown.id]);
    stop.abort();
    await following;
  });

  it('keeps an owner for each, a new one at each start', async () => {
    const file = await secretFile('secret');
    const [one, other] = [await coordinator('one', file), await coordinator('two', file)];
    const first = await one.credentials.issueToOwner('id-one', 60_000);
    const second = await other.credentials.issueToOwner('id-two', 60_000);
    const again = await one.credentials.issueToOwner('id-one', 60_000);
    expect(one.credentials.list().map(({ id }) => id)).toEqual([second.secret.id, again.secret.id]);
    expect(one.credentials.bearer(first.secret)).toEqual({ kind: 'nobody' });
  });

  it('is nothing without the secret, and NATS sees nothing of it', async () => {
    const file = await secretFile('secret');
    await coordinator('one', file);
    const entry = await (await new Kvm(nats.connection).open('kbisect-identity')).get('farm');
    expect(entry?.string()).not.toMatch(/PRIVATE KEY|credentials/);
    const refused = async (wrong?: string): Promise<unknown> =>
      coordinator('two', wrong).then(
        () => expect.unreachable(),
        (error: unknown) => error,
      );
    expect(await refused(await secretFile('other'))).toMatchObject({ code: 'data-loss' });
    const hint = { message: expect.stringContaining('openssl rand -hex 32') as string };
    expect(await refused(await secretFile('short', 'abc'))).toMatchObject(hint);
    expect(await refused()).toMatchObject(hint);
  });
});
