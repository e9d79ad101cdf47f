import type { Clock } from '@kbisect/shared/clock';

interface Timer {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

/** Time that passes only from event to event: what is due next happens next, and then all that follows at once from it. */
export class VirtualTime {
  /** Milliseconds since the world began. */
  now = 0;
  /** A binary heap, the earliest first; of equals the one that was set first. */
  readonly #timers: Timer[] = [];
  #order = 0;

  after(ms: number, run: () => void): void {
    const timer = { at: this.now + Math.max(0, ms), order: this.#order++, run };
    let n = this.#timers.length;
    this.#timers.push(timer);
    while (n > 0) {
      const parent = (n - 1) >> 1;
      if (!before(timer, this.#timers[parent]!)) break;
      this.#timers[n] = this.#timers[parent]!;
      n = parent;
    }
    this.#timers[n] = timer;
  }

  /** Lets the next event happen and waits until every promise that hangs on it has settled. */
  async step(): Promise<void> {
    const timer = this.#pop();
    if (timer === undefined) throw new Error('nothing will ever happen again');
    this.now = timer.at;
    timer.run();
    await new Promise(setImmediate);
  }

  #pop(): Timer | undefined {
    const [first] = this.#timers;
    const last = this.#timers.pop();
    if (first === undefined || last === undefined || first === last) return first;
    const { length } = this.#timers;
    let n = 0;
    for (;;) {
      let child = 2 * n + 1;
      if (child >= length) break;
      if (child + 1 < length && before(this.#timers[child + 1]!, this.#timers[child]!)) child += 1;
      if (!before(this.#timers[child]!, last)) break;
      this.#timers[n] = this.#timers[child]!;
      n = child;
    }
    this.#timers[n] = last;
    return first;
  }
}

function before(one: Timer, other: Timer): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order);
}

/** How a machine's clock goes wrong. */
export interface Skew {
  readonly offsetMs: number;
  /** Its seconds to a true one. */
  readonly rate: number;
}

/** A process's life: its timers end with it, as a SIGKILL ends them. */
export class Life {
  ended = false;

  constructor(private readonly time: VirtualTime) {}

  after(ms: number, run: () => void): void {
    this.time.after(ms, () => {
      if (!this.ended) run();
    });
  }

  clock({ offsetMs, rate }: Skew): Clock {
    return {
      now: () => EPOCH + offsetMs + Math.round(this.time.now * rate),
      sleep: (ms, signal) =>
        new Promise((resolve, reject) => {
          const aborted = () => reject(signal?.reason as Error);
          if (signal?.aborted) {
            aborted();
            return;
          }
          signal?.addEventListener('abort', aborted, { once: true });
          this.after(ms / rate, () => {
            signal?.removeEventListener('abort', aborted);
            resolve();
          });
        }),
    };
  }
}

/** Where the world begins. */
const EPOCH = Date.UTC(2020, 0, 1);
