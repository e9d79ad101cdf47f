import { EventEmitter } from 'node:events';
import { LRUCache } from 'lru-cache';

/** Bytes kept of each console; the whole is in the cache when its trial is over. */
const TAIL = 64 * 1024;

/** The last bytes of the consoles of running trials, by lease: in memory only, and bounded in number. */
export class LiveConsoles {
  /** Emits a lease when there is more of its console: the bytes, or nothing when it is over. */
  readonly more = new EventEmitter<Record<string, [data?: Uint8Array]>>().setMaxListeners(0);
  readonly #tails = new LRUCache<string, Buffer>({ max: 1000 });

  append(lease: string, data: Uint8Array): void {
    this.#tails.set(lease, Buffer.concat([this.#tails.get(lease) ?? Buffer.alloc(0), data]).subarray(-TAIL));
    this.more.emit(lease, data);
  }

  tail(lease: string): Buffer | undefined {
    return this.#tails.get(lease);
  }

  forget(lease: string): void {
    this.#tails.delete(lease);
    this.more.emit(lease);
  }
}
