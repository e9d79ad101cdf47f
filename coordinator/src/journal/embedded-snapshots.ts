import { closeSync, existsSync, openSync, readSync, rmSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { open, type RootDatabase } from 'lmdb';
import { jobId, type JobId } from '@kbisect/shared/ids';
import type { Snapshots } from './snapshots.js';

/** After so many others have their turn. */
const AT_ONCE = 100;

/** Snapshots in an LMDB file of their own. */
export class EmbeddedSnapshots implements Snapshots {
  readonly #db: RootDatabase<Buffer, string>;

  /** @param path the LMDB file, made anew when it is not there or is none */
  constructor(path: string) {
    if (existsSync(path) && !isLmdb(path)) rmSync(path);
    this.#db = open<Buffer, string>({ path, encoding: 'binary', compression: false });
  }

  async put(job: JobId, snapshot: Uint8Array): Promise<void> {
    await this.#db.put(job, Buffer.from(snapshot));
  }

  async *readAll(): AsyncIterable<readonly [JobId, Uint8Array]> {
    let read = 0;
    for (const { key, value } of this.#db.getRange()) {
      yield [jobId(key), value];
      if (++read % AT_ONCE === 0) await turn();
    }
  }

  async close(): Promise<void> {
    await this.#db.close();
  }
}

/** Where an LMDB file has its magic number, and which. */
const MAGIC_AT = 24;
const MAGIC = 0xbeefc0de;

/** LMDB takes the process down with a file that is not its own, and this one is not worth that. */
function isLmdb(path: string): boolean {
  const file = openSync(path, 'r');
  try {
    const magic = Buffer.alloc(4);
    readSync(file, magic, 0, magic.length, MAGIC_AT);
    return magic.readUInt32LE() === MAGIC;
  } finally {
    closeSync(file);
  }
}
