import { LRUCache } from 'lru-cache';

/** What the index knows of a file. */
export interface Entry {
  /** Bytes. */
  readonly size: number;
  /** When its last use was written to the disk, in milliseconds since the epoch. */
  usedAt: number;
}

/**
 * What files a bounded directory has, by how recently they were used. It knows no I/O. A file that is held, as it is
 * read or pinned, is never the one to evict.
 */
export class DiskIndex {
  /** Least recently used first. */
  readonly #idle = new LRUCache<string, Entry>({
    maxSize: Number.MAX_SAFE_INTEGER, // the owner evicts, by `oldest`
    sizeCalculation: ({ size }) => Math.max(1, size),
  });
  readonly #held = new Map<string, Entry>();
  readonly #holds = new Map<string, number>();
  #bytes = 0;
  #heldBytes = 0;

  /** Bytes of all files. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Bytes of the files that are held now. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  get count(): number {
    return this.#idle.size + this.#held.size;
  }

  /** Takes a file in, as the one used last; one of the same key is replaced. */
  add(key: string, entry: Entry): void {
    this.delete(key);
    this.#bytes += entry.size;
    if (this.#holds.has(key)) this.#keep(key, entry);
    else this.#idle.set(key, entry);
  }

  /** The file, which is now the one used last. */
  use(key: string): Entry | undefined {
    return this.#held.get(key) ?? this.#idle.get(key);
  }

  /** The file, whose place in the order stays as it is. */
  peek(key: string): Entry | undefined {
    return this.#held.get(key) ?? this.#idle.peek(key);
  }

  delete(key: string): void {
    const entry = this.peek(key);
    if (entry === undefined) return;
    this.#bytes -= entry.size;
    if (this.#held.delete(key)) this.#heldBytes -= entry.size;
    else this.#idle.delete(key);
  }

  /** Keeps a file from being evicted, whether it is there already or comes later, until as many releases. */
  hold(key: string): void {
    this.#holds.set(key, (this.#holds.get(key) ?? 0) + 1);
    const entry = this.#idle.get(key);
    if (entry === undefined) return;
    this.#idle.delete(key);
    this.#keep(key, entry);
  }

  release(key: string): void {
    const left = (this.#holds.get(key) ?? 0) - 1;
    if (left > 0) {
      this.#holds.set(key, left);
      return;
    }
    this.#holds.delete(key);
    const entry = this.#held.get(key);
    if (entry === undefined) return;
    this.#held.delete(key);
    this.#heldBytes -= entry.size;
    this.#idle.set(key, entry);
  }

  /** The file to evict next, or undefined when all that is left is held. */
  oldest(): string | undefined {
    for (const key of this.#idle.rkeys()) return key;
    return undefined;
  }

  /** Least recently used first; those that are held come last. */
  keys(): string[] {
    return [...this.#idle.rkeys(), ...this.#held.keys()];
  }

  #keep(key: string, entry: Entry): void {
    this.#held.set(key, entry);
    this.#heldBytes += entry.size;
  }
}
