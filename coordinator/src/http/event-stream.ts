import { once } from 'node:events';
import type { Call } from './router.js';

/** A proxy, or a peer that is gone, is noticed by what is sent. */
const ALIVE_MS = 15_000;

/** Server-sent events: what a client is told, as fast as it reads. */
export class EventStream {
  readonly #alive: NodeJS.Timeout;

  constructor(private readonly call: Pick<Call, 'response' | 'signal'>) {
    const { response, signal } = call;
    response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    response.write(': kbisect\n\n');
    this.#alive = setInterval(() => response.write(': alive\n\n'), ALIVE_MS);
    signal.addEventListener('abort', () => clearInterval(this.#alive), { once: true });
  }

  /**
   * Sends an event; resolves when the client can take more.
   * @param id from which a client goes on that lost its connection
   * @throws AbortError when the client is gone
   */
  async send(event: string, data: unknown, id?: number): Promise<void> {
    const { response, signal } = this.call;
    signal.throwIfAborted();
    const lines = [
      `event: ${event}`,
      ...(id === undefined ? [] : [`id: ${id}`]),
      `data: ${JSON.stringify(data)}`,
    ];
    if (!response.write(`${lines.join('\n')}\n\n`)) await once(response, 'drain', { signal });
  }

  /** Says that no more will come, so that the client does not ask again. */
  async end(): Promise<void> {
    await this.send('end', {});
    clearInterval(this.#alive);
    this.call.response.end();
  }
}
