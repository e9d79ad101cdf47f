import { KbisectError } from '@kbisect/shared/errors';
import type {
  CollectResponse,
  PinResponse,
  StatResponse,
  VerifyResponse,
} from '@kbisect/shared/gen/kbisect/v1/cache';
import { fromStatus } from '@kbisect/shared/status';
import { withConnection } from './connection.js';
import { ExitStatus } from './exit-status.js';
import { printable } from './printable.js';
import { table } from './table.js';
import { bytesWord, count } from './words.js';

/** Shows what the cache has, and what it spared. */
export async function cacheStat(coordinator: string, options: { readonly json?: boolean }): Promise<void> {
  const stat = await withConnection(coordinator, (connection) =>
    connection.call<StatResponse>((...rest) => connection.cache.stat({}, ...rest)),
  );
  if (options.json) {
    process.stdout.write(`${JSON.stringify(stat)}\n`);
    return;
  }
  const spared = stat.doors.reduce((sum, door) => sum + door.bytesSpared, 0);
  process.stdout.write(
    table([
      ['stored', `${bytesWord(stat.bytes)} in ${count(stat.files, 'file')}`],
      ['would be stored', `${bytesWord(stat.bytes + spared)}, were equal bytes not kept once`],
      ['pinned or in use', bytesWord(stat.heldBytes)],
      ['limits', `evicts above ${bytesWord(stat.softBytes)}, refuses above ${bytesWord(stat.hardBytes)}`],
      ['evicted', count(stat.evicted, 'file')],
      ['pinned by hand', stat.pins.length === 0 ? 'nothing' : stat.pins.map(printable).join(' ')],
    ]),
  );
  process.stdout.write('\nsince the start of the coordinator:\n');
  process.stdout.write(
    table([
      ['door', 'hits', 'misses', 'read', 'written', 'spared'],
      ...stat.doors.map((door) => [
        printable(door.name),
        String(door.hits),
        String(door.misses),
        bytesWord(door.bytesRead),
        bytesWord(door.bytesWritten),
        bytesWord(door.bytesSpared),
      ]),
    ]),
  );
}

/** Evicts what the limits do not allow for. */
export async function cacheGc(coordinator: string): Promise<void> {
  const { freedBytes } = await withConnection(coordinator, (connection) =>
    connection.call<CollectResponse>((...rest) => connection.cache.collect({}, ...rest)),
  );
  process.stdout.write(`${bytesWord(freedBytes)} freed\n`);
}

/** Reads and hashes every blob; fails when one had rotted. */
export async function cacheVerify(coordinator: string): Promise<ExitStatus> {
  return withConnection(coordinator, async (connection) => {
    const call = connection.cache.verify({});
    const rotten: string[] = [];
    let total = 0;
    try {
      for await (const progress of call as AsyncIterable<VerifyResponse>) {
        total = progress.total;
        for (const digest of progress.rotten)
          process.stdout.write(`${printable(digest)} had rotted; it is set aside\n`);
        rotten.push(...progress.rotten);
        if (process.stderr.isTTY) process.stderr.write(`\r${progress.verified} of ${total}`);
      }
    } catch (error) {
      throw fromStatus(error);
    }
    if (process.stderr.isTTY) process.stderr.write('\r');
    process.stdout.write(`${count(total, 'blob')} read, ${rotten.length} rotten\n`);
    return rotten.length === 0 ? ExitStatus.Found : ExitStatus.Failed;
  });
}

/** Keeps a blob from being evicted, or no longer. */
export async function cachePin(
  coordinator: string,
  digest: string,
  options: { readonly remove?: boolean },
): Promise<void> {
  if (!/^[0-9a-f]{64}$/.test(digest)) {
    throw new KbisectError(
      'invalid-argument',
      `${JSON.stringify(digest.slice(0, 80))} is not a SHA-256 digest`,
    );
  }
  await withConnection(coordinator, (connection) =>
    connection.call<PinResponse>((...rest) =>
      options.remove
        ? connection.cache.unpin({ digest }, ...rest)
        : connection.cache.pin({ digest }, ...rest),
    ),
  );
  process.stdout.write(`${digest} ${options.remove ? 'may be evicted' : 'is kept'}\n`);
}
