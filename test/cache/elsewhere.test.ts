import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { actionCacheConformance } from '@kbisect/shared/cache/action-cache-conformance';
import { toProtocol } from '@kbisect/shared/cache/blob-name';
import { blobStoreConformance, chunksOf, nameOf, read } from '@kbisect/shared/cache/blob-store-conformance';
import { ReapiActionCache } from '@kbisect/shared/cache/reapi-action-cache';
import { ReapiBlobStore } from '@kbisect/shared/cache/reapi-blob-store';
import { VerifyingBlobStore } from '@kbisect/shared/cache/verifying-blob-store';
import { systemClock } from '@kbisect/shared/clock';
import { digestOf } from '@kbisect/shared/digest';
import { ActionResult } from '@kbisect/shared/gen/build/bazel/remote/execution/v2/remote_execution';
import { createLog } from '@kbisect/shared/log';
import { CacheServer } from './cache-server.js';

const log = createLog('test');
log.level = 'silent';

let far: CacheServer;
let near: CacheServer;
let clients: ReturnType<CacheServer['clients']>;
let farClients: ReturnType<CacheServer['clients']>;

beforeAll(async () => {
  far = await CacheServer.start();
  near = await CacheServer.start({ remote: { address: far.grpc } });
  clients = near.clients();
  farClients = far.clients();
});
afterAll(async () => {
  clients.close();
  farClients.close();
  await near.close();
  await far.close();
});

describe('a coordinator whose cache is at another endpoint', () => {
  blobStoreConformance('its blobs', () =>
    Promise.resolve({
      store: new VerifyingBlobStore(new ReapiBlobStore(clients), systemClock, log),
      close: () => Promise.resolve(),
    }),
  );

  actionCacheConformance('its action results', () => Promise.resolve(new ReapiActionCache(clients.actions)));

  it('keeps there what it is given, and near what it reads; a rotten copy near is fetched anew', async () => {
    const store = new ReapiBlobStore(clients);
    const bytes = randomBytes(5000);
    const name = nameOf(bytes);
    await store.put(name, chunksOf(bytes));
    expect((await read(new ReapiBlobStore(farClients), name)).equals(bytes)).toBe(true);
    expect((await read(store, name)).equals(bytes)).toBe(true);
    const copy = join(near.directory, 'state/cache/blobs', name.digest);
    await writeFile(copy, randomBytes(5000));
    expect((await read(store, name)).equals(bytes)).toBe(true);
  });

  it('knows the results that are known there', async () => {
    const output = randomBytes(10);
    const action = digestOf(randomBytes(8));
    const outputFiles = [{ path: 'image', digest: toProtocol(nameOf(output)) }];
    await new ReapiActionCache(clients.actions).put(action, ActionResult.create({ outputFiles }));
    const there = new ReapiActionCache(farClients.actions);
    expect(await there.get(action)).toBeUndefined();
    await new ReapiBlobStore(clients).put(nameOf(output), chunksOf(output));
    expect(await there.get(action)).toMatchObject({ exitCode: 0 });
    expect(await new ReapiActionCache(clients.actions).get(action)).toMatchObject({ exitCode: 0 });
  });
});
