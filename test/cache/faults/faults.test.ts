import { randomBytes, randomInt } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { chunksOf, nameOf, read } from '@kbisect/shared/cache/blob-store-conformance';
import { boundsOf, type Bounds } from '@kbisect/shared/cache/bounds';
import { openDiskCache } from '@kbisect/shared/cache/disk-cache';
import { systemClock } from '@kbisect/shared/clock';
import { digestOf } from '@kbisect/shared/digest';
import { createLog } from '@kbisect/shared/log';
import { killGroup, run, runText, startProcess } from '@kbisect/shared/process';

const log = createLog('test');
log.level = 'silent';
/** Memory where there is some: what a killed process leaves is the same there, and a disk would be waited for. */
const FAST = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(FAST, 'kbisect-faults-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const open = (bounds: Bounds = boundsOf(2 ** 30, 0), where = directory) =>
  openDiskCache(where, bounds, systemClock, log);

describe('SIGKILL', () => {
  it('during 1,000 writes, at random points, leaves every blob that can be seen right, and nothing else', async () => {
    const durable = new Set<string>();
    let kills = 0;
    while (durable.size < 1000) {
      const script = join(import.meta.dirname, 'endless-writer.js');
      const writer = startProcess({ program: process.execPath, args: [script, directory] }, [
        'ignore',
        'pipe',
        'ignore',
      ]);
      const closed = once(writer, 'close');
      const wanted = durable.size + randomInt(20, 120);
      for await (const line of createInterface({ input: writer.stdout! })) {
        durable.add(line);
        if (durable.size === wanted) setTimeout(() => killGroup(writer), randomInt(0, 5));
      }
      await closed;
      kills += 1;

      const cache = await open();
      expect(await readdir(join(directory, 'tmp'))).toEqual([]);
      const seen = cache.disk.names();
      for (const blob of seen) await cache.blobs.verify(blob);
      const visible = new Set<string>(seen.map(({ digest }) => digest));
      expect([...durable].filter((digest) => !visible.has(digest))).toEqual([]);
    }
    expect(kills).toBeGreaterThan(5);
  });
});

describe('rot', () => {
  it('of a single bit, in each of 1,000 blobs, is caught', async () => {
    const cache = await open();
    let caught = 0;
    for (let n = 0; n < 1000; n += 1) {
      const bytes = randomBytes(randomInt(1, 2000));
      const name = nameOf(bytes);
      await cache.blobs.put(name, chunksOf(bytes));
      bytes[randomInt(bytes.length)]! ^= 1 << randomInt(8);
      await writeFile(join(directory, 'blobs', name.digest), bytes);
      await read(cache.blobs, name).catch((error: unknown) => {
        expect(error).toMatchObject({ code: 'data-loss' });
        caught += 1;
      });
    }
    expect(caught).toBe(1000);
    expect(cache.files.usage.files).toBe(0);
    expect(await readdir(join(directory, 'rotten'))).toHaveLength(1000);
  });

  it('of any bit of a blob is caught', async () => {
    const bytes = randomBytes(64);
    const name = nameOf(bytes);
    const cache = await open();
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      await cache.blobs.put(name, chunksOf(bytes));
      const rotten = Buffer.from(bytes);
      rotten[bit >> 3]! ^= 1 << (bit & 7);
      await writeFile(join(directory, 'blobs', name.digest), rotten);
      await expect(read(cache.blobs, name)).rejects.toMatchObject({ code: 'data-loss' });
    }
  });
});

describe('a full disk', () => {
  it('refuses the write clearly and loses nothing; with room again, it goes on', async ({ skip }) => {
    const mount = ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', directory];
    if ((await run({ program: 'mount', args: mount })).status !== 0) skip('a tmpfs cannot be mounted here');
    try {
      const cache = await open();
      const kept = randomBytes(1_000_000);
      await cache.blobs.put(nameOf(kept), chunksOf(kept));
      cache.disk.pin(nameOf(kept).digest);
      const { bavail, bsize } = await statfs(directory);
      // The size passes when it is announced, and the disk is filled by somebody else while the blob comes.
      const big = randomBytes(2_000_000);
      const filled = async function* () {
        yield big.subarray(0, 1_000_000);
        await writeFile(join(directory, 'filler'), Buffer.alloc(bavail * bsize)).catch(() => undefined);
        yield big.subarray(1_000_000);
      };
      await expect(cache.blobs.put(nameOf(big), filled())).rejects.toMatchObject({
        code: 'resource-exhausted',
        message: expect.stringContaining('disk is full') as unknown,
      });
      expect(await readdir(join(directory, 'tmp'))).toEqual([]);
      expect((await read(cache.blobs, nameOf(kept))).equals(kept)).toBe(true);
      await rm(join(directory, 'filler'));
      await cache.blobs.put(nameOf(big), chunksOf(big));
      expect((await read(cache.blobs, nameOf(big))).equals(big)).toBe(true);
    } finally {
      await runText({ program: 'umount', args: ['--lazy', directory] });
    }
  });
});

describe('eviction', () => {
  it('never takes a blob that is pinned or half read, whatever else comes and goes', async () => {
    const cache = await open({ softBytes: 50_000, hardBytes: 100_000, reserveBytes: 0 });
    const blobs = Array.from({ length: 8 }, () => randomBytes(4000));
    for (const bytes of blobs) await cache.blobs.put(nameOf(bytes), chunksOf(bytes));
    const pinned = blobs.slice(0, 4);
    for (const bytes of pinned) cache.disk.pin(nameOf(bytes).digest);
    const readers = blobs.slice(4).map((bytes) => cache.blobs.get(nameOf(bytes))[Symbol.asyncIterator]());
    const begun = await Promise.all(readers.map((reader) => reader.next()));
    for (let round = 0; round < 200; round += 1) {
      const bytes = randomBytes(randomInt(1, 5000));
      await cache.blobs.put(nameOf(bytes), chunksOf(bytes));
      expect(await cache.disk.missing(blobs.map(nameOf))).toEqual([]);
    }
    for (const [n, first] of begun.entries()) {
      const rest = await readers[n]!.next();
      expect(rest.done).toBe(true);
      expect(Buffer.from(first.value as Uint8Array).equals(blobs[4 + n]!)).toBe(true);
    }
    expect(cache.files.evicted).toBeGreaterThan(100);
    expect(cache.files.usage.bytes).toBeLessThanOrEqual(50_000);
  });
});

describe('the index', () => {
  it('of 100,000 blobs is rebuilt in seconds', async () => {
    await mkdir(join(directory, 'blobs'));
    for (let n = 0; n < 100_000; n += 1) writeFileSync(join(directory, 'blobs', digestOf(String(n))), 'x');
    const started = performance.now();
    const cache = await open();
    const seconds = (performance.now() - started) / 1000;
    expect(cache.files.usage.files).toBe(100_000);
    expect(await readFile(join(directory, 'blobs', digestOf('7')), 'utf8')).toBe('x');
    expect(seconds).toBeLessThan(10);
    console.info(`100,000 blobs: ${seconds.toFixed(2)} s`);
  });
});
