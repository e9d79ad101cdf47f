import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { digestOf, type Digest } from '@kbisect/shared/digest';
import type { ActionResult } from '@kbisect/shared/gen/build/bazel/remote/execution/v2/remote_execution';
import type { BlobStore } from './blob-store.js';
import { CompleteActionCache } from './complete-action-cache.js';
import { DiskActionCache } from './disk-action-cache.js';
import { DiskBlobStore } from './disk-blob-store.js';

const bytes = Buffer.from('the bytes of an image');
const name = digestOf(bytes);

let directory: string;
let store: BlobStore;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kbisect-cache-'));
  store = await DiskBlobStore.open(directory);
});
afterEach(async () => {
  await rm(directory, { recursive: true });
});

function chunks(...parts: Uint8Array[]): AsyncIterable<Uint8Array> {
  return Readable.from(parts);
}
async function read(digest: Digest, offset?: number): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const part of store.get(digest, offset)) parts.push(part);
  return Buffer.concat(parts).toString();
}

describe('the blob store on disk', () => {
  it('gives back what was put, whole or from an offset, also after it was opened again', async () => {
    await store.put(name, bytes.length, chunks(bytes.subarray(0, 5), bytes.subarray(5)));
    store = await DiskBlobStore.open(directory);
    expect(await store.size(name)).toBe(bytes.length);
    expect(await read(name)).toBe(bytes.toString());
    expect(await read(name, 4)).toBe(bytes.subarray(4).toString());
  });

  it.each([
    { what: 'another content', digest: digestOf('other'), size: bytes.length },
    { what: 'fewer bytes', digest: name, size: bytes.length + 1 },
    { what: 'more bytes', digest: name, size: bytes.length - 1 },
  ])('refuses $what than was announced, and keeps nothing of it', async ({ digest, size }) => {
    await expect(store.put(digest, size, chunks(bytes))).rejects.toMatchObject({ code: 'invalid-argument' });
    expect(await store.size(digest)).toBeUndefined();
    expect(await readdir(join(directory, 'tmp'))).toEqual([]);
  });

  it('notices bytes that rotted, sets them aside, and takes the blob anew', async () => {
    await store.put(name, bytes.length, chunks(bytes));
    const path = join(directory, 'blobs', name.slice(0, 2), name);
    const rotten = await readFile(path);
    rotten[3]! ^= 1;
    await writeFile(path, rotten);
    await expect(read(name)).rejects.toMatchObject({ code: 'data-loss' });
    expect(await store.size(name)).toBeUndefined();
    await store.put(name, bytes.length, chunks(bytes));
    expect(await read(name)).toBe(bytes.toString());
  });

  it('says so when a blob is not there', async () => {
    await expect(read(name)).rejects.toMatchObject({ code: 'not-found' });
  });

  it('clears away what a killed writer left', async () => {
    await writeFile(join(directory, 'tmp', 'left'), 'half');
    await DiskBlobStore.open(directory);
    expect(await readdir(join(directory, 'tmp'))).toEqual([]);
  });
});

describe('the action cache', () => {
  it('knows a result only while all of its blobs are there', async () => {
    const cache = new CompleteActionCache(await DiskActionCache.open(directory), store);
    const action = digestOf('commit and recipe');
    const result: ActionResult = {
      outputFiles: [{ path: 'image', digest: { hash: name, sizeBytes: bytes.length }, isExecutable: false }],
      exitCode: 0,
      stderrRaw: Buffer.alloc(0),
    };
    await cache.put(action, result);
    expect(await cache.get(action)).toBeUndefined();
    await store.put(name, bytes.length, chunks(bytes));
    expect(await cache.get(action)).toEqual(result);
    expect(await cache.get(digestOf('another'))).toBeUndefined();
  });
});
