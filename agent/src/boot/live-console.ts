/** Bytes a second that go to those who watch; what comes faster is only kept. */
const RATE = 256 * 1024;
/** Bytes of one boot that go to them. */
const MOST = 16 * 1024 * 1024;

/** The console as it is sent to those who watch: bounded in rate and in size. */
export class LiveConsole {
  #second = -1;
  #room = 0;
  #sent = 0;
  #dropped = 0;

  constructor(private readonly send: (chunk: Buffer) => void) {}

  /** @param elapsed milliseconds since the boot's start */
  take(chunk: Buffer, elapsed: number): void {
    const second = Math.floor(elapsed / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#room = Math.min(RATE, MOST - this.#sent);
      if (this.#dropped > 0 && this.#room > 0) {
        this.send(Buffer.from(`\n[kbisect: ${this.#dropped} bytes came too fast to be shown]\n`));
        this.#dropped = 0;
      }
    }
    const shown = chunk.subarray(0, this.#room);
    this.#room -= shown.length;
    this.#sent += shown.length;
    this.#dropped += chunk.length - shown.length;
    if (shown.length > 0) this.send(shown);
  }
}
