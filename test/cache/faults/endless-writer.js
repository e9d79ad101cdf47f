// Writes random blobs into the cache of the directory that is its argument, eight at a time, until it is killed. Prints
// the digest of each when it is durable.
import { createHash, randomBytes, randomInt } from 'node:crypto';
import { boundsOf } from '@kbisect/shared/cache/bounds';
import { openDiskCache } from '@kbisect/shared/cache/disk-cache';
import { systemClock } from '@kbisect/shared/clock';
import { createLog } from '@kbisect/shared/log';

const cache = await openDiskCache(process.argv[2], boundsOf(2 ** 30, 0), systemClock, createLog('writer'));

async function* pieces(bytes) {
  for (let at = 0; at < bytes.length; at += 16_384) yield bytes.subarray(at, at + 16_384);
}

async function write() {
  for (;;) {
    const bytes = randomBytes(randomInt(1, 200_000));
    const digest = createHash('sha256').update(bytes).digest('hex');
    await cache.blobs.put({ digest, size: bytes.length }, pieces(bytes));
    process.stdout.write(`${digest}\n`);
  }
}
await Promise.all(Array.from({ length: 8 }, write));
