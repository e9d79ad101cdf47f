import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nkeys } from '@nats-io/nats-core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readConfig } from './config.js';
import { Authority } from './identity/certificates.js';
import { connectNats } from './nats.js';
import { readNatsAccess, type NatsAccess } from './nats-access.js';
import { natsIsInstalled, startNats } from './nats-under-test.js';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kbisect-nats-access-'));
});
afterEach(() => rm(directory, { recursive: true }));

async function file(name: string, text: string): Promise<string> {
  await writeFile(join(directory, name), text);
  return join(directory, name);
}

/** What becomes of a connection to a server. */
async function connecting(servers: string, access: NatsAccess): Promise<string> {
  try {
    await (await connectNats(servers, access)).close();
    return 'connected';
  } catch (error) {
    return String(error);
  }
}

describe.skipIf(!natsIsInstalled)('a NATS server', () => {
  it('with TLS is spoken to by who has a certificate that it wants, and only if it is of our authority', async () => {
    const authority = await Authority.make(Date.now());
    const [server, client] = [
      await authority.forServer([], Date.now()),
      await authority.forCoordinator('one', Date.now()),
    ];
    const ca = await file('ca.pem', authority.pair.certificate);
    const cert = await file('cert.pem', client.certificate);
    const key = await file('key.pem', client.key);
    const own = [
      '--tlscert',
      await file('server.pem', server.certificate),
      '--tlskey',
      await file('server-key.pem', server.key),
    ];
    const access = await readNatsAccess({ ca, cert, key });
    const nats = await startNats(['--tls', '--tlsverify', '--tlscacert', ca, ...own], access);
    const servers = nats.servers.replace('127.0.0.1', 'localhost');
    try {
      expect(await connecting(servers, access)).toBe('connected');
      expect(await connecting(nats.servers, access)).toContain('are given by name');
      expect(await connecting(servers, await readNatsAccess({ ca }))).toContain('no NATS server');
      const foreign = await file('foreign.pem', (await Authority.make(Date.now())).pair.certificate);
      expect(await connecting(servers, await readNatsAccess({ ca: foreign, cert, key }))).toContain(
        'certificate',
      );
    } finally {
      await nats.stop();
    }
  });

  it('without TLS is not spoken to where it is asked for', async () => {
    const nats = await startNats();
    try {
      const ca = await file('ca.pem', (await Authority.make(Date.now())).pair.certificate);
      const servers = nats.servers.replace('127.0.0.1', 'localhost');
      expect(await connecting(servers, await readNatsAccess({ ca }))).toContain('tls');
    } finally {
      await nats.stop();
    }
  });

  it('lets a user in by a password', async () => {
    const access = await readNatsAccess({ user: 'farm', passwordFile: await file('password', 's3cret\n') });
    const nats = await startNats(['--user', 'farm', '--pass', 's3cret'], access);
    try {
      expect(await connecting(nats.servers, access)).toBe('connected');
      expect(await connecting(nats.servers, {})).toContain('Authorization');
    } finally {
      await nats.stop();
    }
  });

  it('lets a user in by a creds file', async () => {
    // A server without an operator looks at the key in it, not at the JWT.
    const user = nkeys.createUser();
    const seed = new TextDecoder().decode(user.getSeed());
    const text = `-----BEGIN NATS USER JWT-----\na.b.c\n------END NATS USER JWT------\n\n-----BEGIN USER NKEY SEED-----\n${seed}\n------END USER NKEY SEED------\n`;
    const access = await readNatsAccess({ creds: await file('user.creds', text) });
    const users = `authorization { users: [ { nkey: ${user.getPublicKey()} } ] }\n`;
    const nats = await startNats(['--config', await file('nats.conf', users)], access);
    try {
      expect(await connecting(nats.servers, access)).toBe('connected');
      expect(await connecting(nats.servers, {})).toContain('Authorization');
    } finally {
      await nats.stop();
    }
  });

  it('lets a user in by an nkey', async () => {
    const user = nkeys.createUser();
    const seed = await file('user.nk', `${new TextDecoder().decode(user.getSeed())}\n`);
    const access = await readNatsAccess({ nkey: seed });
    const users = `authorization { users: [ { nkey: ${user.getPublicKey()} } ] }\n`;
    const nats = await startNats(['--config', await file('nats.conf', users)], access);
    try {
      expect(await connecting(nats.servers, access)).toBe('connected');
      expect(await connecting(nats.servers, {})).toContain('Authorization');
    } finally {
      await nats.stop();
    }
  });
});

describe('the settings', () => {
  const config = async (nats: object) => readConfig(await file('config.json', JSON.stringify({ nats })));

  it('name one user, whole', async () => {
    await expect(config({ user: 'farm' })).rejects.toThrow('user and passwordFile, or none of them');
    await expect(config({ creds: 'a', nkey: 'b' })).rejects.toThrow('one of creds, nkey and user');
    await expect(config({ cert: 'a', key: 'b' })).rejects.toThrow('ca is needed');
  });

  it('name files that are there', async () => {
    await expect(config({ ca: join(directory, 'none.pem') })).rejects.toThrow('none.pem');
  });
});
