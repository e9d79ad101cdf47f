import type { JetStreamClient, JetStreamManager, JsMsg, OrderedConsumerOptions } from '@nats-io/jetstream';
import { answered, asked } from '../nats.js';

/** A stream of JetStream's, to be read. */
export interface Source {
  readonly client: JetStreamClient;
  readonly manager: JetStreamManager;
  readonly stream: string;
}

/** The messages of a stream, or of what a filter leaves of it, from the first on, until the reader leaves. */
export async function* messages(
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

/** The messages on subjects, from the first to the last that is there now. */
export async function* presentMessages(
  source: Source,
  subjects: string,
  filter: Partial<OrderedConsumerOptions> = {},
): AsyncGenerator<JsMsg> {
  const last = await answered(source.manager.streams.getMessage(source.stream, { last_by_subj: subjects }));
  if (last === null) return;
  for await (const message of messages(source, { filter_subjects: subjects, ...filter })) {
    yield message;
    // The server that is asked may have less than the stream's leader.
    if (message.seq >= last.seq) return;
  }
}
