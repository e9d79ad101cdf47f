import { randomBytes } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { digestOf } from '../digest.js';
import type { BlobName } from './blob-name.js';
import type { BlobStore } from './blob-store.js';

/** The name of bytes in memory. */
export function nameOf(bytes: Uint8Array): BlobName {
  return { digest: digestOf(bytes), size: bytes.length };
}

/** Bytes as they come over a wire: in uneven chunks. */
export function chunksOf(bytes: Uint8Array, chunk = 70_001): AsyncIterable<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += chunk) chunks.push(bytes.subarray(at, at + chunk));
  return Readable.from(chunks);
}

/** Reads a blob, or a part of one, into memory. */
export async function read(
  store: BlobStore,
  blob: BlobName,
  offset?: number,
  limit?: number,
): Promise<Buffer> {
  return buffer(Readable.from(store.get(blob, offset, limit)));
}

/** A store under test, and how to be rid of it. */
export interface Opened {
  readonly store: BlobStore;
  readonly close: () => Promise<void>;
  /** The same store, as another process finds it. */
  readonly reopen?: () => Promise<BlobStore>;
}

/** What every blob store promises, verified as the farm uses it. */
export function blobStoreConformance(what: string, open: () => Promise<Opened>): void {
  describe(what, () => {
    let opened: Opened;
    let store: BlobStore;
    beforeEach(async () => {
      opened = await open();
      ({ store } = opened);
    });
    afterEach(() => opened.close());

    it.each([1, 70_000, 1_000_000])('gives back what was put: %i bytes, whole and in part', async (size) => {
      const bytes = randomBytes(size);
      const name = nameOf(bytes);
      expect(await store.missing([name])).toEqual([name]);
      await store.put(name, chunksOf(bytes));
      expect(await store.missing([name])).toEqual([]);
      expect((await read(store, name)).equals(bytes)).toBe(true);
      const offset = Math.floor(size / 3);
      expect((await read(store, name, offset)).equals(bytes.subarray(offset))).toBe(true);
      expect((await read(store, name, offset, 7)).equals(bytes.subarray(offset, offset + 7))).toBe(true);
      expect((await read(store, name, size)).length).toBe(0);
    });

    it('has it still when it is opened again', async () => {
      if (opened.reopen === undefined) return;
      const bytes = randomBytes(3000);
      await store.put(nameOf(bytes), chunksOf(bytes));
      expect((await read(await opened.reopen(), nameOf(bytes))).equals(bytes)).toBe(true);
    });

    it('takes the same blob from many at once, and again', async () => {
      const bytes = randomBytes(200_000);
      const name = nameOf(bytes);
      await Promise.all(Array.from({ length: 8 }, () => store.put(name, chunksOf(bytes))));
      await store.put(name, chunksOf(bytes));
      expect((await read(store, name)).equals(bytes)).toBe(true);
    });

    it('tells which of many are missing', async () => {
      const here = [randomBytes(10), randomBytes(20)];
      for (const bytes of here) await store.put(nameOf(bytes), chunksOf(bytes));
      const absent = nameOf(randomBytes(30));
      expect(await store.missing([nameOf(here[0]!), absent, nameOf(here[1]!)])).toEqual([absent]);
      expect(await store.missing([])).toEqual([]);
    });

    const bytes = randomBytes(100_000);
    const name = nameOf(bytes);
    it.each([
      { what: 'other bytes', blob: { ...name, digest: digestOf('other') } },
      { what: 'fewer bytes', blob: { ...name, size: name.size + 1 } },
      { what: 'more bytes', blob: { ...name, size: name.size - 1 } },
    ])('refuses $what than were announced, and keeps nothing of them', async ({ blob }) => {
      await expect(store.put(blob, chunksOf(bytes))).rejects.toMatchObject({ code: 'invalid-argument' });
      expect(await store.missing([blob])).toEqual([blob]);
      await expect(read(store, blob)).rejects.toMatchObject({ code: 'not-found' });
    });

    it('keeps nothing of a blob whose sender broke off', async () => {
      const broken = async function* () {
        yield bytes.subarray(0, 50_000);
        await Promise.resolve();
        throw new Error('the sender is gone');
      };
      await expect(store.put(name, broken())).rejects.toThrow('the sender is gone');
      expect(await store.missing([name])).toEqual([name]);
      await store.put(name, chunksOf(bytes));
      expect((await read(store, name)).equals(bytes)).toBe(true);
    });

    it('says so when a blob is not there', async () => {
      await expect(read(store, nameOf(randomBytes(5)))).rejects.toMatchObject({ code: 'not-found' });
    });

    it('lets go of a reader that has had enough', async () => {
      await store.put(name, chunksOf(bytes));
      for await (const chunk of store.get(name)) {
        expect(chunk.length).toBeGreaterThan(0);
        break;
      }
      expect((await read(store, name)).equals(bytes)).toBe(true);
    });

    it('always has the empty blob', async () => {
      const empty = nameOf(Buffer.alloc(0));
      expect(await store.missing([empty])).toEqual([]);
      await store.put(empty, chunksOf(Buffer.alloc(0)));
      expect((await read(store, empty)).length).toBe(0);
    });
  });
}
