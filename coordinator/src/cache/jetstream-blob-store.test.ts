import { Kvm, type KV } from '@nats-io/kv';
import { Objm, type ObjectStore } from '@nats-io/obj';
import { afterAll, beforeAll, describe } from 'vitest';
import { actionCacheConformance } from '@kbisect/shared/cache/action-cache-conformance';
import { blobStoreConformance } from '@kbisect/shared/cache/blob-store-conformance';
import { EmptyBlobStore } from '@kbisect/shared/cache/empty-blob-store';
import { VerifyingBlobStore } from '@kbisect/shared/cache/verifying-blob-store';
import { systemClock } from '@kbisect/shared/clock';
import { createLog } from '@kbisect/shared/log';
import { natsIsInstalled, startNats, type NatsUnderTest } from '../nats-under-test.js';
import { JetStreamActionCache } from './jetstream-action-cache.js';
import { JetStreamBlobStore } from './jetstream-blob-store.js';

const log = createLog('test');
log.level = 'silent';

describe.skipIf(!natsIsInstalled)('NATS JetStream', () => {
  let nats: NatsUnderTest;
  let objects: ObjectStore;
  let results: KV;

  beforeAll(async () => {
    nats = await startNats();
    objects = await new Objm(nats.connection).create('cache');
    results = await new Kvm(nats.connection).create('cache', { history: 1 });
  });
  afterAll(() => nats.stop());

  blobStoreConformance('blobs in an object store', () => {
    const open = () => new VerifyingBlobStore(new JetStreamBlobStore(objects), systemClock, log);
    return Promise.resolve({
      store: new EmptyBlobStore(open()),
      reopen: () => Promise.resolve(open()),
      close: () => Promise.resolve(),
    });
  });

  actionCacheConformance('action results in a key-value bucket', () =>
    Promise.resolve(new JetStreamActionCache(results)),
  );
});
