import { createHmac } from 'node:crypto';
import pRetry from 'p-retry';
import { messageOf } from '@kbisect/shared/errors';
import type { JobEvent } from '@kbisect/shared/gen/kbisect/v1/job';
import type { Logger } from '@kbisect/shared/log';
import { stateWord } from '../scheduler/job-state.js';

/** Who is told when jobs begin and end. */
export interface Webhook {
  readonly url: string;
  /** What the receiver knows, too: each message is signed with it. Never logged. */
  readonly secret: string;
}

/** Messages under way to one receiver; more are dropped, as a receiver that is away must not fill the memory. */
const MAX_WAITING = 100;
const TIMEOUT_MS = 10_000;
const RETRIES = { retries: 6, minTimeout: 1000, factor: 4, randomize: true };

/**
 * Tells receivers of jobs, by POST with JSON: `job.submitted`, and `job.ended` with how. `X-Kbisect-Signature-256` is
 * `sha256=` and the HMAC-SHA256 of the body, in hex. A message is tried for about an hour; what a restart interrupts is lost.
 */
export class Webhooks {
  readonly #waiting = new Map<Webhook, number>();
  readonly #sending = new Set<Promise<void>>();

  /** @param retries how often a message is sent again, and how long after, as p-retry takes it */
  constructor(
    private readonly hooks: readonly Webhook[],
    private readonly log: Logger,
    private readonly signal: AbortSignal,
    private readonly retries: typeof RETRIES = RETRIES,
  ) {}

  happened(job: string, { at, fact }: JobEvent): void {
    if (fact?.$case !== 'submitted' && fact?.$case !== 'ended') return;
    const what =
      fact.$case === 'submitted'
        ? { event: 'job.submitted', title: fact.value.spec?.title ?? '' }
        : {
            event: 'job.ended',
            state: stateWord(fact.value.state),
            culprit: fact.value.culprit,
            candidates: fact.value.candidates,
            reason: fact.value.reason,
          };
    const body = JSON.stringify({ job, at: at?.toISOString(), ...what });
    for (const hook of this.hooks) this.#send(hook, body);
  }

  /** Resolves when nothing is under way any more; the signal's abort ends what is. */
  async settled(): Promise<void> {
    await Promise.all(this.#sending);
  }

  #send(hook: Webhook, body: string): void {
    const waiting = this.#waiting.get(hook) ?? 0;
    const { host } = new URL(hook.url);
    if (waiting >= MAX_WAITING) {
      this.log.warn({ host }, 'a webhook does not answer; a message is dropped');
      return;
    }
    this.#waiting.set(hook, waiting + 1);
    const sending = pRetry(() => this.#post(hook, body), { ...this.retries, signal: this.signal })
      .catch((error: unknown) => {
        if (!this.signal.aborted)
          this.log.warn({ host, reason: messageOf(error) }, 'a webhook could not be told');
      })
      .finally(() => {
        this.#waiting.set(hook, this.#waiting.get(hook)! - 1);
        this.#sending.delete(sending);
      });
    this.#sending.add(sending);
  }

  async #post({ url, secret }: Webhook, body: string): Promise<void> {
    const signature = createHmac('sha256', secret).update(body).digest('hex');
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-kbisect-signature-256': `sha256=${signature}` },
      body,
      redirect: 'error',
      signal: AbortSignal.any([this.signal, AbortSignal.timeout(TIMEOUT_MS)]),
    });
    await response.body?.cancel();
    if (!response.ok) throw new Error(`it answered ${response.status}`);
  }
}
