import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import type { BlobName } from './blob-name.js';
import { chunksOf, nameOf } from './blob-store-conformance.js';
import type { BlobStore } from './blob-store.js';
import { ExistenceCachingBlobStore } from './existence-caching-blob-store.js';

it('asks the far store once for what is there, again after a while, and always for what is not', async () => {
  let now = 0;
  const asked: BlobName[][] = [];
  const [here, absent, put] = [nameOf(randomBytes(3)), nameOf(randomBytes(4)), nameOf(randomBytes(5))];
  const far: Pick<BlobStore, 'missing' | 'put'> = {
    missing: (blobs) => {
      asked.push([...blobs]);
      return Promise.resolve(blobs.filter((blob) => blob === absent));
    },
    put: () => Promise.resolve(),
  };
  const clock = { now: () => now, sleep: () => Promise.resolve() };
  const store = new ExistenceCachingBlobStore(far as BlobStore, clock);
  await store.put(put, chunksOf(randomBytes(5)));
  for (let n = 0; n < 2; n += 1) expect(await store.missing([here, absent, put])).toEqual([absent]);
  expect(asked).toEqual([[here, absent], [absent]]);
  now += 31_000;
  await store.missing([here, put]);
  expect(asked.at(-1)).toEqual([here, put]);
});
