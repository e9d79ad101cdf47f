/** What has arrived and was not read yet, for one reader. */
export class Inbox<Message> implements AsyncIterable<Message> {
  readonly #waiting: Message[] = [];
  #end: { error: Error | undefined } | undefined;
  #wake: (() => void) | undefined;

  put(message: Message): void {
    if (this.#end) return;
    this.#waiting.push(message);
    this.#wake?.();
  }

  /** No more comes: the reader reads what is there, then sees the end or the error. */
  end(error?: Error): void {
    this.#end ??= { error };
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Message> {
    for (;;) {
      for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) yield next;
      if (this.#end?.error) throw this.#end.error;
      if (this.#end) return;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}
