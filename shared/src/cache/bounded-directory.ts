import { randomUUID } from 'node:crypto';
import { lstatSync, mkdirSync, readdirSync, renameSync } from 'node:fs';
import { mkdir, open, rm, stat, statfs, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Clock } from '../clock.js';
import { KbisectError, systemCode } from '../errors.js';
import { reserveOf, type Bounds } from './bounds.js';
import { DiskIndex } from './disk-index.js';
import { fullDisk } from './durable-file.js';
import { readFileInChunks } from './file-chunks.js';
import { SharedSync } from './shared-sync.js';

/** A file's last use is written to the disk, for the order after a restart, at most so often. */
const USE_EVERY_MS = 3_600_000;
/** While a big file is written, the free disk is looked at again after so many bytes. */
const LOOK_EVERY_BYTES = 64 * 2 ** 20;

/** What is in a bounded directory. Bytes. */
export interface Usage {
  readonly files: number;
  readonly bytes: number;
  /** Pinned, or being read. */
  readonly heldBytes: number;
  readonly bounds: Bounds;
}

/**
 * Files of a directory, `<kind>/<64 hex digits>`, each durable and whole or not there, of which the least
 * recently used are evicted to keep within bounds. A file is written to `tmp/`, synced and renamed to its place; what is in
 * `tmp/` at start was never finished and is removed. The index and the directory change together, in one turn of the
 * event loop. This process is the only one that writes here.
 */
export class BoundedDirectory {
  readonly index = new DiskIndex();
  /** Bytes of files that are being written. */
  #writing = 0;
  #evicted = 0;
  /** By kind. */
  readonly #syncs = new Map<string, SharedSync>();
  readonly #usesWritten = new Set<Promise<void>>();

  private constructor(
    readonly directory: string,
    private readonly bounds: Bounds,
    private readonly clock: Clock,
  ) {}

  static async open(
    directory: string,
    kinds: readonly string[],
    bounds: Bounds,
    clock: Clock,
  ): Promise<BoundedDirectory> {
    await rm(join(directory, 'tmp'), { recursive: true, force: true });
    for (const name of ['tmp', 'rotten']) await mkdir(join(directory, name), { recursive: true });
    const opened = new BoundedDirectory(directory, bounds, clock);
    opened.#rebuild(kinds);
    return opened;
  }

  /** Resolves when all uses are written down. Nothing is to be asked of it afterwards. */
  async close(): Promise<void> {
    await Promise.all(this.#usesWritten);
  }

  get usage(): Usage {
    const { count: files, bytes, heldBytes } = this.index;
    return { files, bytes, heldBytes, bounds: this.bounds };
  }

  /** Files evicted since the start. */
  get evicted(): number {
    return this.#evicted;
  }

  /** A file's size in bytes; this counts as a use of it. */
  sizeOf(key: string): number | undefined {
    const entry = this.index.use(key);
    if (entry === undefined) return undefined;
    const now = this.clock.now();
    if (now - entry.usedAt > USE_EVERY_MS) {
      entry.usedAt = now;
      const written = this.#writeUse(key, now).finally(() => this.#usesWritten.delete(written));
      this.#usesWritten.add(written);
    }
    return entry.size;
  }

  /**
   * Writes a file; when this resolves it is durable.
   * @param size announced, in bytes; the caller sees to it that `bytes` has as many
   * @throws KbisectError `resource-exhausted` when there is no room; whatever `bytes` throws. Nothing is kept then
   */
  async write(
    key: string,
    size: number,
    bytes: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  ): Promise<void> {
    const temporary = join(this.directory, 'tmp', randomUUID());
    let written = 0;
    let looked = 0;
    try {
      await this.#claim(size, key);
      await this.#claimDisk(size, key);
      const file = await open(temporary, 'wx');
      try {
        for await (const chunk of bytes) {
          await this.#claim(chunk.length, key);
          this.#writing += chunk.length;
          written += chunk.length;
          if (written > looked + LOOK_EVERY_BYTES) {
            await this.#claimDisk(size - written, key);
            looked = written;
          }
          await writeAll(file, chunk);
        }
        await file.datasync();
      } finally {
        await file.close();
      }
      renameSync(temporary, join(this.directory, key));
      this.index.add(key, { size: written, usedAt: this.clock.now() });
      await this.#syncs.get(dirname(key))?.sync();
    } catch (error) {
      await rm(temporary, { force: true });
      throw fullDisk(error, key);
    } finally {
      this.#writing -= written;
    }
  }

  /** Reads a file, which is held meanwhile. @throws KbisectError `not-found` */
  async *read(key: string, offset: number, limit: number): AsyncIterable<Buffer> {
    const size = this.sizeOf(key);
    if (size === undefined) throw notFound(key);
    this.index.hold(key);
    try {
      yield* readFileInChunks(join(this.directory, key), offset, Math.min(limit, size - offset));
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw error;
      this.index.delete(key); // somebody else removed it
      throw notFound(key);
    } finally {
      this.index.release(key);
    }
  }

  /** Tells a file that nobody touched since from any other; undefined when there is none. */
  async version(key: string): Promise<string | undefined> {
    try {
      const { ino, ctimeNs, size } = await stat(join(this.directory, key), { bigint: true });
      return `${ino.toString()}-${ctimeNs.toString()}-${size.toString()}`;
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** Moves a file to `rotten/`, where a person may look at it. */
  setAside(key: string): void {
    this.#take(key, join(this.directory, 'rotten', key.slice(key.lastIndexOf('/') + 1)));
  }

  async remove(key: string): Promise<void> {
    const doomed = join(this.directory, 'tmp', randomUUID());
    if (this.#take(key, doomed)) await rm(doomed, { force: true });
  }

  /** Evicts until the soft bound and the reserve are kept. Gives the bytes freed. */
  async collect(): Promise<number> {
    const before = this.index.bytes;
    await this.#evictTo(this.bounds.softBytes);
    await this.#freeDisk(0);
    return before - this.index.bytes;
  }

  /** Makes room within the bounds. @throws KbisectError `resource-exhausted` */
  async #claim(size: number, key: string): Promise<void> {
    const { softBytes, hardBytes } = this.bounds;
    const { heldBytes } = this.index;
    if (heldBytes + this.#writing + size > hardBytes) {
      throw new KbisectError(
        'resource-exhausted',
        `no room for ${size} bytes of ${key}: of the cache's ${hardBytes} bytes, ${heldBytes} are pinned or being read ` +
          `and ${this.#writing} being written; give it more, or unpin something`,
      );
    }
    await this.#evictTo(softBytes - this.#writing - size);
  }

  /** Makes room on the disk. @throws KbisectError `resource-exhausted` */
  async #claimDisk(size: number, key: string): Promise<void> {
    if (await this.#freeDisk(size)) return;
    throw new KbisectError(
      'resource-exhausted',
      `no room for ${size} bytes of ${key}: the disk is full down to what is left free for others; free some space`,
    );
  }

  async #evictTo(bytes: number): Promise<void> {
    while (this.index.bytes > bytes) {
      const key = this.index.oldest();
      if (key === undefined) return;
      this.#evicted += 1;
      await this.remove(key);
    }
  }

  /** Evicts until the disk keeps its reserve after `size` more bytes; false when it cannot. */
  async #freeDisk(size: number): Promise<boolean> {
    for (;;) {
      const { bavail, bsize, blocks } = await statfs(this.directory);
      const lacking = reserveOf(this.bounds, blocks * bsize) + size - bavail * bsize;
      if (lacking <= 0) return true;
      if (this.index.oldest() === undefined) return false;
      await this.#evictTo(Math.max(0, this.index.bytes - lacking));
    }
  }

  #take(key: string, to: string): boolean {
    this.index.delete(key);
    try {
      renameSync(join(this.directory, key), to);
      return true;
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return false;
      throw error;
    }
  }

  /** An order that is not written down is a little wrong after a restart. */
  async #writeUse(key: string, now: number): Promise<void> {
    const path = join(this.directory, key);
    try {
      await utimes(path, now / 1000, (await stat(path)).mtime);
    } catch {
      // the file went away, or the disk is read-only
    }
  }

  /** Synchronous: nothing else can be done before, and it is five times faster. */
  #rebuild(kinds: readonly string[]): void {
    const found: { key: string; size: number; usedAt: number }[] = [];
    for (const kind of kinds) {
      mkdirSync(join(this.directory, kind), { recursive: true });
      this.#syncs.set(kind, new SharedSync(join(this.directory, kind)));
      for (const name of readdirSync(join(this.directory, kind))) {
        if (!/^[0-9a-f]{64}$/.test(name)) continue;
        const { size, atimeMs: usedAt } = lstatSync(join(this.directory, kind, name));
        found.push({ key: `${kind}/${name}`, size, usedAt });
      }
    }
    found.sort((a, b) => a.usedAt - b.usedAt);
    for (const { key, ...entry } of found) this.index.add(key, entry);
  }
}

async function writeAll(file: Awaited<ReturnType<typeof open>>, chunk: Uint8Array): Promise<void> {
  for (let done = 0; done < chunk.length;) done += (await file.write(chunk, done)).bytesWritten;
}

function notFound(key: string): KbisectError {
  return new KbisectError('not-found', `there is no ${key}`);
}
