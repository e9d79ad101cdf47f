import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ChildProcess } from 'node:child_process';
import { Objm, type ObjectStore } from '@nats-io/obj';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe } from 'vitest';
import { actionCacheConformance } from '@kbisect/shared/cache/action-cache-conformance';
import { blobStoreConformance } from '@kbisect/shared/cache/blob-store-conformance';
import { EmptyBlobStore } from '@kbisect/shared/cache/empty-blob-store';
import { VerifyingBlobStore } from '@kbisect/shared/cache/verifying-blob-store';
import { systemClock } from '@kbisect/shared/clock';
import { createLog } from '@kbisect/shared/log';
import { killGroup, run, startProcess } from '@kbisect/shared/process';
import { JetStreamActionCache } from './jetstream-action-cache.js';
import { JetStreamBlobStore } from './jetstream-blob-store.js';

const log = createLog('test');
log.level = 'silent';

const installed = (await run({ program: 'dpkg-query', args: ['-W', 'nats-server'] })).status === 0;
if (!installed) console.warn('skipped: there is no nats-server here; apt-get install nats-server');

describe.skipIf(!installed)('NATS JetStream', () => {
  let directory: string;
  let server: ChildProcess;
  let connection: NatsConnection;
  let objects: ObjectStore;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'kbisect-nats-'));
    const args = ['--jetstream', '--store_dir', directory, '--addr', '127.0.0.1', '--port', '-1'];
    server = startProcess({ program: 'nats-server', args }, ['ignore', 'ignore', 'pipe']);
    let said = '';
    let port: string | undefined;
    while (port === undefined) {
      const [chunk] = (await once(server.stderr!, 'data')) as [Buffer];
      said += chunk.toString('utf8');
      port = /Listening for client connections on 127\.0\.0\.1:(\d+)/.exec(said)?.[1];
    }
    server.stderr?.resume();
    connection = await connect({ servers: `127.0.0.1:${port}`, waitOnFirstConnect: true });
    objects = await new Objm(connection).create('cache');
  });
  afterAll(async () => {
    await connection.close();
    const closed = once(server, 'close');
    killGroup(server);
    await closed;
    await rm(directory, { recursive: true });
  });

  blobStoreConformance('blobs in an object store', () => {
    const open = () => new VerifyingBlobStore(new JetStreamBlobStore(objects), systemClock, log);
    return Promise.resolve({
      store: new EmptyBlobStore(open()),
      reopen: () => Promise.resolve(open()),
      close: () => Promise.resolve(),
    });
  });

  actionCacheConformance('action results in an object store', () =>
    Promise.resolve(new JetStreamActionCache(objects)),
  );
});
