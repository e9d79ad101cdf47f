import type { ServerWritableStream } from '@grpc/grpc-js';
import type { DiskCache } from '@kbisect/shared/cache/disk-cache';
import type { DoorStatistics } from '@kbisect/shared/cache/door-statistics';
import { digest } from '@kbisect/shared/digest';
import { KbisectError } from '@kbisect/shared/errors';
import type { CacheCareServer, VerifyRequest, VerifyResponse } from '@kbisect/shared/gen/kbisect/v1/cache';
import type { Logger } from '@kbisect/shared/log';
import { cacheStat } from '../../cache/cache-stat.js';
import type { PeoplePins } from '../../cache/people-pins.js';
import { callSignal, streaming, unary } from '../handler.js';

/** A verification tells how far it is after so many blobs. */
const TELL_EVERY = 100;

/** For those who look after the cache: what it has on this machine's disk. */
export function careService(
  cache: DiskCache,
  doors: readonly DoorStatistics[],
  pins: PeoplePins,
  log: Logger,
): CacheCareServer {
  return {
    stat: unary(log, () => cacheStat(cache, doors, pins)),
    collect: unary(log, async () => ({ freedBytes: await cache.files.collect() })),
    verify: streaming(log, async (call: ServerWritableStream<VerifyRequest, VerifyResponse>) => {
      const signal = callSignal(call);
      for await (const progress of verifyAll(cache)) {
        if (signal.aborted) return;
        call.write(progress);
      }
      call.end();
    }),
    pin: unary(log, async (request) => {
      await pins.pin(digest(request.digest));
      return {};
    }),
    unpin: unary(log, async (request) => {
      await pins.unpin(digest(request.digest));
      return {};
    }),
  };
}

async function* verifyAll(cache: DiskCache): AsyncIterable<VerifyResponse> {
  const blobs = cache.disk.names();
  let rotten: string[] = [];
  for (const [at, blob] of blobs.entries()) {
    if (at % TELL_EVERY === 0) {
      yield { verified: at, total: blobs.length, rotten };
      rotten = [];
    }
    try {
      await cache.blobs.verify(blob);
    } catch (error) {
      if (!(error instanceof KbisectError)) throw error;
      if (error.code === 'data-loss') rotten.push(blob.digest);
      else if (error.code !== 'not-found') throw error; // evicted meanwhile
    }
  }
  yield { verified: blobs.length, total: blobs.length, rotten };
}
