/** Keeps the last lines of a text that goes by. */
export class LastLines {
  readonly #lines: string[] = [];
  #next = 0;

  constructor(private readonly size: number) {}

  push(line: string): void {
    this.#lines[this.#next] = line;
    this.#next = (this.#next + 1) % this.size;
  }

  /** Oldest first. */
  lines(): string[] {
    return [...this.#lines.slice(this.#next), ...this.#lines.slice(0, this.#next)];
  }
}
