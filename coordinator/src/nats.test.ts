import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEFAULT_BOUNDS } from '@kbisect/shared/cache/bounds';
import { systemClock } from '@kbisect/shared/clock';
import { createLog } from '@kbisect/shared/log';
import { expect, it } from 'vitest';
import { openCache } from './cache/open-cache.js';
import { openJournal } from './journal/open-journal.js';
import { natsIsInstalled, startNats } from './nats-under-test.js';

const log = createLog('test');
log.level = 'silent';

it.skipIf(!natsIsInstalled)('journal and cache are found on any of the servers that are named', async () => {
  const nats = await startNats();
  const directory = await mkdtemp(join(tmpdir(), 'kbisect-servers-'));
  try {
    const servers = `127.0.0.1:9,${nats.servers}`;
    const journal = await openJournal({ kind: 'jetstream', servers, replicas: 1 }, directory);
    await journal.close();
    const place = { kind: 'jetstream', servers, bucket: 'kbisect', replicas: 1 } as const;
    const cache = await openCache(place, directory, DEFAULT_BOUNDS, systemClock, log);
    await cache.close();
  } finally {
    await rm(directory, { recursive: true });
    await nats.stop();
  }
});

it('servers that do not answer are named', async () => {
  await expect(
    openJournal({ kind: 'jetstream', servers: '127.0.0.1:9', replicas: 1 }, '/nowhere'),
  ).rejects.toMatchObject({ code: 'unavailable', message: expect.stringContaining('127.0.0.1:9') as string });
});
