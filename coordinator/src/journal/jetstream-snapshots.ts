import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { jobId, type JobId } from '@kbisect/shared/ids';
import { ANSWER_MS, answered } from '../nats.js';
import { presentMessages, type Source } from './messages.js';
import type { Snapshots } from './snapshots.js';

const STREAM = 'kbisect-snapshots';
const SUBJECT = 'kbisect.snapshot.';

/** Snapshots in a stream of NATS JetStream that has one message for each job. */
export class JetStreamSnapshots implements Snapshots {
  private constructor(private readonly source: Source) {}

  /**
   * Opens the stream, and makes it where there is none.
   * @param connection stays the caller's
   * @param replicas servers that keep each snapshot
   * @throws KbisectError `unavailable` when the servers do not answer
   */
  static async open(connection: NatsConnection, replicas: number): Promise<JetStreamSnapshots> {
    const manager = await answered(jetstreamManager(connection, { timeout: ANSWER_MS }));
    const config = { subjects: [`${SUBJECT}*`], max_msgs_per_subject: 1, num_replicas: replicas };
    await answered(
      manager.streams.add({ name: STREAM, ...config }).catch(() => manager.streams.update(STREAM, config)),
    );
    return new JetStreamSnapshots({
      client: jetstream(connection, { timeout: ANSWER_MS }),
      manager,
      stream: STREAM,
    });
  }

  async put(job: JobId, snapshot: Uint8Array): Promise<void> {
    await answered(this.source.client.publish(SUBJECT + job, snapshot));
  }

  async *readAll(): AsyncIterable<readonly [JobId, Uint8Array]> {
    for await (const { subject, data } of presentMessages(this.source, `${SUBJECT}*`))
      yield [jobId(subject.slice(SUBJECT.length)), data];
  }

  /** The connection is its owner's to close. */
  close(): Promise<void> {
    return Promise.resolve();
  }
}
