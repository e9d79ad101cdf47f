import { setTimeout as delay } from 'node:timers/promises';
import { JetStreamApiError } from '@nats-io/jetstream';
import { Kvm, type KV } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/nats-core';
import { z } from 'zod';
import { KbisectError, messageOf } from '@kbisect/shared/errors';
import type { Logger } from '@kbisect/shared/log';
import { answered } from '../nats.js';
import { credential } from './credential.js';
import type { FarmSecret } from './farm-secret.js';
import type { IdentityStore, Kept, Revision } from './identity-store.js';

const BUCKET = 'kbisect-identity';
const KEY = 'farm';
const WRONG_LAST_SEQUENCE = 10071;
const LOOK_MS = 500;
/** Of a message, what is left for its headers. */
const HEAD_BYTES = 1024;

const whole = z.strictObject({
  authority: z.strictObject({ certificate: z.string(), key: z.string() }),
  credentials: z.array(credential),
});

/**
 * A farm's identity as one key of a NATS JetStream bucket, for all coordinators of the farm. It is sealed: who can read the
 * bucket learns nothing, and who can write it lets nobody in that was not in at some time.
 */
export class JetStreamIdentityStore implements IdentityStore {
  private constructor(
    private readonly bucket: KV,
    private readonly secret: FarmSecret,
    private readonly maxBytes: number,
    private readonly log: Logger,
  ) {}

  /**
   * @param connection stays the caller's
   * @param replicas servers that keep it
   * @throws KbisectError `unavailable` when the servers have no JetStream or do not answer
   */
  static async open(
    connection: NatsConnection,
    replicas: number,
    secret: FarmSecret,
    log: Logger,
  ): Promise<JetStreamIdentityStore> {
    // Read from the leader of the bucket: a replica may not know yet what was revoked.
    const settings = { replicas, history: 1, allow_direct: false };
    const bucket = await answered(new Kvm(connection).create(BUCKET, settings));
    const maxBytes = (connection.info?.max_payload ?? 0) - HEAD_BYTES;
    return new JetStreamIdentityStore(bucket, secret, maxBytes, log);
  }

  async read() {
    const entry = await answered(this.bucket.get(KEY));
    if (entry?.operation !== 'PUT') return undefined;
    try {
      const kept: Kept = whole.parse(JSON.parse(this.secret.open(entry.value)));
      return { kept, revision: String(entry.revision) as Revision };
    } catch (error) {
      throw new KbisectError(
        'data-loss',
        `the farm's identity in NATS (bucket ${BUCKET}) cannot be read: ${messageOf(error)}; ` +
          "all coordinators need the same file as 'identity.secretFile'",
      );
    }
  }

  async write(kept: Kept, over: Revision | undefined): Promise<Revision | undefined> {
    const bytes = this.secret.seal(JSON.stringify(kept));
    if (bytes.length > this.maxBytes) {
      throw new KbisectError(
        'resource-exhausted',
        `${kept.credentials.length} credentials are more than the NATS server takes; raise its max_payload`,
      );
    }
    try {
      const { bucket } = this;
      const made = over === undefined ? bucket.create(KEY, bytes) : bucket.update(KEY, bytes, Number(over));
      return String(await made) as Revision;
    } catch (error) {
      if (error instanceof JetStreamApiError && error.code === WRONG_LAST_SEQUENCE) return undefined;
      return answered(Promise.reject(error instanceof Error ? error : new Error(messageOf(error))));
    }
  }

  /** Looks, again and again: a consumer may be placed on a server that is gone, and would tell nothing. */
  async watch(changed: () => Promise<void>, signal: AbortSignal): Promise<void> {
    let seen: number | undefined;
    while (!signal.aborted) {
      try {
        const { last_seq } = (await answered(this.bucket.status())).streamInfo.state;
        if (last_seq !== seen) await changed();
        seen = last_seq;
      } catch (error) {
        this.log.warn({ reason: messageOf(error) }, 'it cannot be seen who may come in; trying again');
      }
      await delay(LOOK_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}
