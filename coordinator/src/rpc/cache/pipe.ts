/** Bytes handed from one who gets them to one who asks for them, chunk by chunk, at the asker's pace. */
export class Pipe implements AsyncIterable<Uint8Array> {
  #chunk: Uint8Array | undefined;
  #end: { error: Error | undefined } | undefined;
  #closed = false;
  #changed: () => void = () => undefined;
  #next = this.#promise();

  /** Resolves when the chunk was taken, or nobody asks any more. */
  async push(chunk: Uint8Array): Promise<void> {
    if (chunk.length === 0) return;
    while (this.#chunk !== undefined && !this.#isOver()) await this.#next;
    if (this.#isOver()) return;
    this.#chunk = chunk;
    this.#change();
    while (this.#holds(chunk) && !this.#isOver()) await this.#next;
  }

  /** Ends the bytes; with an error, at once. */
  end(error?: Error): void {
    this.#end ??= { error };
    this.#change();
  }

  /** Nobody asks any more. */
  close(): void {
    this.#closed = true;
    this.#change();
  }

  async *[Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    try {
      for (;;) {
        if (this.#end?.error) throw this.#end.error;
        const chunk = this.#chunk;
        if (chunk !== undefined) {
          // It is given before it is let go of: its sender waits until the next is asked for.
          yield chunk;
          this.#chunk = undefined;
          this.#change();
        } else if (this.#end) {
          return;
        } else {
          await this.#next;
        }
      }
    } finally {
      this.close();
    }
  }

  #isOver(): boolean {
    return this.#closed || this.#end?.error !== undefined;
  }

  #holds(chunk: Uint8Array): boolean {
    return this.#chunk === chunk;
  }

  #promise(): Promise<void> {
    return new Promise((resolve) => (this.#changed = resolve));
  }

  #change(): void {
    const changed = this.#changed;
    this.#next = this.#promise();
    changed();
  }
}
