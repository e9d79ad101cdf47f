import type { JetStreamClient, JetStreamManager, JsMsg, OrderedConsumerOptions } from '@nats-io/jetstream';
import { answered, asked } from '../nats.js';

/** A stream of JetStream's, to be read. */
export interface Source {
  readonly client: JetStreamClient;
  readonly manager: JetStreamManager;
  readonly stream: string;
}

/** The messages of a stream, or of what a filter leaves of it, from the first on, until the reader leaves. */
async function* messages(
  { client, stream }: Source,
  filter: Partial<OrderedConsumerOptions>,
): AsyncGenerator<JsMsg> {
  const consumer = await asked(async () => client.consumers.get(stream, filter));
  const found = await answered(consumer.consume());
  try {
    yield* found;
  } finally {
    await found.close();
    await consumer.delete().catch(() => undefined); // the server forgets it, too, after a while
  }
}

/**
 * The messages on subjects, from the first to the last that is there now.
 * @param until the sequence of the last, where it is known better than by the server that is asked
 */
export async function* presentMessages(
  source: Source,
  subjects: string,
  filter: Partial<OrderedConsumerOptions> = {},
  until?: number,
): AsyncGenerator<JsMsg> {
  const last = until ?? (await lastSequence(source, subjects));
  if (last === undefined) return;
  for await (const message of messages(source, { filter_subjects: subjects, ...filter })) {
    yield message;
    // The server that is asked may have less than the stream's leader.
    if (message.seq >= last) return;
  }
}

async function lastSequence({ manager, stream }: Source, subjects: string): Promise<number | undefined> {
  const last = await answered(manager.streams.getMessage(stream, { last_by_subj: subjects }));
  return last?.seq;
}
