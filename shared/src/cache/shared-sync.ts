import { syncDirectory } from './durable-file.js';

/** Makes the renames into a directory durable, for many at once: whoever asks while a sync runs shares the next one. */
export class SharedSync {
  #running: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;

  constructor(private readonly directory: string) {}

  /** Resolves when all that was in the directory at the call is durable. */
  async sync(): Promise<void> {
    this.#next ??= this.#running
      .catch(() => undefined) // its own callers were told
      .then(() => {
        this.#running = this.#next ?? this.#running;
        this.#next = undefined;
        return syncDirectory(this.directory);
      });
    return this.#next;
  }
}
