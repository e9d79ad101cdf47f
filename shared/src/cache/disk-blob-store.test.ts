import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Clock } from '../clock.js';
import { createLog } from '../log.js';
import { actionCacheConformance } from './action-cache-conformance.js';
import { blobStoreConformance, chunksOf, nameOf, read } from './blob-store-conformance.js';
import { boundsOf, type Bounds } from './bounds.js';
import { openDiskCache, type DiskCache } from './disk-cache.js';
import { EmptyBlobStore } from './empty-blob-store.js';
import { ActionResult } from '../gen/build/bazel/remote/execution/v2/remote_execution.js';

const log = createLog('test');
log.level = 'silent';
const WIDE = boundsOf(2 ** 30, 0);

let now = 1_700_000_000_000;
const clock: Clock = { now: () => now, sleep: () => Promise.resolve() };

let directory: string;
let cache: DiskCache;
const open = async (bounds: Bounds = WIDE) => (cache = await openDiskCache(directory, bounds, clock, log));

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kbisect-cache-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

blobStoreConformance('blobs on disk, verified', async () => ({
  store: new EmptyBlobStore((await open()).blobs),
  reopen: async () => (await open()).blobs,
  close: () => Promise.resolve(),
}));

actionCacheConformance('action results on disk', async () => (await open()).actions);

async function put(bytes: Uint8Array) {
  const name = nameOf(bytes);
  await cache.blobs.put(name, chunksOf(bytes));
  return name;
}
const here = async (name: ReturnType<typeof nameOf>) => (await cache.disk.missing([name])).length === 0;
const pathOf = ({ digest }: ReturnType<typeof nameOf>) => join(directory, 'blobs', digest);

describe('rot', () => {
  it('is noticed before the first byte; the blob is set aside, and taken anew', async () => {
    await open();
    const bytes = randomBytes(600_000);
    const name = await put(bytes);
    const rotten = Buffer.from(bytes);
    rotten[300_000]! ^= 1;
    await writeFile(pathOf(name), rotten);
    const given: Uint8Array[] = [];
    const reading = async () => {
      for await (const chunk of cache.blobs.get(name)) given.push(chunk);
    };
    await expect(reading()).rejects.toMatchObject({ code: 'data-loss' });
    expect(given).toEqual([]);
    expect(await here(name)).toBe(false);
    expect(await readdir(join(directory, 'rotten'))).toEqual([name.digest]);
    await cache.blobs.put(name, chunksOf(bytes));
    expect((await read(cache.blobs, name)).equals(bytes)).toBe(true);
  });

  it('is noticed in a part of a blob that is asked for alone', async () => {
    await open();
    const bytes = randomBytes(1000);
    const name = await put(bytes);
    bytes[0]! ^= 128;
    await writeFile(pathOf(name), bytes);
    await expect(read(cache.blobs, name, 500, 10)).rejects.toMatchObject({ code: 'data-loss' });
  });

  it('that changes the size is noticed too', async () => {
    await open();
    const name = await put(randomBytes(1000));
    await writeFile(pathOf(name), 'short');
    await expect(read(cache.blobs, name)).rejects.toMatchObject({ code: 'data-loss' });
  });
});

describe('the bounds', () => {
  it('evict the blob that was used least recently', async () => {
    await open({ softBytes: 3000, hardBytes: 4000, reserveBytes: 0 });
    const [a, b, c] = [
      await put(randomBytes(1000)),
      await put(randomBytes(1000)),
      await put(randomBytes(1000)),
    ];
    await read(cache.blobs, a);
    const d = await put(randomBytes(1000));
    expect(await Promise.all([a, b, c, d].map(here))).toEqual([true, false, true, true]);
    expect(cache.files.usage.bytes).toBe(3000);
  });

  it('spare a blob that is pinned, also before it comes, and one that is being read', async () => {
    await open({ softBytes: 3000, hardBytes: 9000, reserveBytes: 0 });
    const pinned = randomBytes(1000);
    cache.disk.pin(nameOf(pinned).digest);
    await put(pinned);
    const bytes = randomBytes(1000);
    const name = await put(bytes);
    const reading = cache.blobs.get(name)[Symbol.asyncIterator]();
    await reading.next();
    for (let n = 0; n < 20; n += 1) await put(randomBytes(500));
    expect(await here(nameOf(pinned))).toBe(true);
    expect(await here(name)).toBe(true);
    expect(cache.files.usage.bytes).toBeLessThanOrEqual(3000);
    await reading.return?.();
    cache.disk.unpin(nameOf(pinned).digest);
    for (let n = 0; n < 20; n += 1) await put(randomBytes(500));
    expect((await here(nameOf(pinned))) || (await here(name))).toBe(false);
  });

  it('refuse a write when all that is left is pinned, and lose nothing', async () => {
    await open({ softBytes: 1800, hardBytes: 2000, reserveBytes: 0 });
    const kept = await put(randomBytes(1500));
    cache.disk.pin(kept.digest);
    await expect(put(randomBytes(600))).rejects.toMatchObject({ code: 'resource-exhausted' });
    expect(await here(kept)).toBe(true);
    await put(randomBytes(400));
  });

  it('refuse a write that would take the reserve of the disk', async () => {
    await open({ softBytes: 2 ** 40, hardBytes: 2 ** 40, reserveBytes: 2 ** 60 });
    await expect(put(randomBytes(600))).rejects.toThrow(/the disk is full/);
    expect(await readdir(join(directory, 'tmp'))).toEqual([]);
  });

  it('count action results too', async () => {
    await open({ softBytes: 1000, hardBytes: 2000, reserveBytes: 0 });
    for (let n = 0; n < 5; n += 1) {
      await cache.actions.put(
        nameOf(randomBytes(8)).digest,
        ActionResult.create({ stdoutRaw: randomBytes(300) }),
      );
    }
    expect(cache.files.usage.bytes).toBeLessThanOrEqual(1000);
  });
});

describe('a restart', () => {
  it('remembers in which order blobs were used', async () => {
    await open();
    const names = [];
    for (let n = 0; n < 3; n += 1) names.push(await put(randomBytes(1000)));
    for (const [n, name] of names.entries()) await utimes(pathOf(name), 1000 + n, 1000);
    now += 7_200_000;
    await open();
    await read(cache.blobs, names[0]!);
    await cache.files.close();
    await open({ softBytes: 2000, hardBytes: 4000, reserveBytes: 0 });
    await put(randomBytes(1000));
    expect(await Promise.all(names.map(here))).toEqual([true, false, false]);
  });

  it('clears away what a killed writer left, and leaves alone what is no blob', async () => {
    await open();
    await writeFile(join(directory, 'tmp', 'left'), 'half');
    await writeFile(join(directory, 'blobs', 'README'), 'a person was here');
    await open();
    expect(await readdir(join(directory, 'tmp'))).toEqual([]);
    expect(await readFile(join(directory, 'blobs', 'README'), 'utf8')).toBe('a person was here');
    expect(cache.files.usage.files).toBe(0);
  });
});
