import type { ServerReadableStream, ServerWritableStream } from '@grpc/grpc-js';
import type { BlobStore } from '@kbisect/shared/cache/blob-store';
import { asBuffer } from '@kbisect/shared/cache/byte-stream';
import { giveBackChunk } from '@kbisect/shared/cache/chunk';
import { compressed } from '@kbisect/shared/cache/zstd';
import type { Clock } from '@kbisect/shared/clock';
import { KbisectError } from '@kbisect/shared/errors';
import type {
  ByteStreamServer,
  ReadRequest,
  ReadResponse,
  WriteRequest,
  WriteResponse,
} from '@kbisect/shared/gen/google/bytestream/bytestream';
import type { Logger } from '@kbisect/shared/log';
import { callSignal, serviceError, streaming, unary } from '../handler.js';
import { parseReadResource, parseWriteResource } from './resource-name.js';
import type { Uploads } from './uploads.js';

/** Chunks of one read that are on their way to the peer. */
const MAX_SENDING = 3;

/** Blobs as byte streams; to be served by `ByteStreamDefinition`. */
export function byteStreamService(
  blobs: BlobStore,
  uploads: Uploads,
  clock: Clock,
  log: Logger,
): ByteStreamServer {
  return {
    read: streaming(log, async (call: ServerWritableStream<ReadRequest, ReadResponse>) => {
      const signal = callSignal(call);
      const gone = new Promise((resolve) => signal.addEventListener('abort', resolve));
      const sending: Promise<unknown>[] = [];
      for await (const data of bytesOf(call.request, blobs)) {
        const sent = new Promise((resolve) => call.write({ data: asBuffer(data) }, resolve));
        sending.push(sent.then(() => giveBackChunk(data)));
        // The peer's pace is ours.
        if (sending.length >= MAX_SENDING) await Promise.race([sending.shift(), gone]);
        if (signal.aborted) return;
      }
      call.end();
    }),

    write: (call, callback) => {
      void receive(call, uploads, clock).then(
        (response) => callback(null, response),
        (error: unknown) => callback(serviceError(error, log)),
      );
    },

    queryWriteStatus: unary(log, async ({ resourceName }) => {
      const { blob, encoding } = parseWriteResource(resourceName);
      const upload = uploads.find(resourceName);
      if (upload) return { committedSize: upload.received, complete: false };
      if ((await blobs.missing([blob])).length > 0) {
        throw new KbisectError('not-found', `nothing of ${resourceName} is here; begin again`);
      }
      return { committedSize: encoding === 'identity' ? blob.size : -1, complete: true };
    }),
  };
}

function bytesOf(request: ReadRequest, blobs: BlobStore): AsyncIterable<Uint8Array> {
  const { blob, encoding } = parseReadResource(request.resourceName);
  const { readOffset: offset, readLimit: limit } = request;
  if (offset < 0 || offset > blob.size || limit < 0) {
    throw new KbisectError(
      'invalid-argument',
      `blob ${blob.digest} has ${blob.size} bytes; ${limit} from ${offset} on cannot be read`,
    );
  }
  if (encoding === 'identity') return blobs.get(blob, offset, limit || Infinity);
  if (limit > 0) throw new KbisectError('invalid-argument', 'a compressed read has no limit');
  return compressed(blobs.get(blob, offset));
}

type WriteCall = ServerReadableStream<WriteRequest, WriteResponse>;

async function receive(call: WriteCall, uploads: Uploads, clock: Clock): Promise<WriteResponse> {
  const messages = (call as AsyncIterable<WriteRequest>)[Symbol.asyncIterator]();
  const first = await messages.next();
  if (first.done) throw new KbisectError('invalid-argument', 'a write without a message');
  const { resourceName, writeOffset } = first.value;
  const resource = parseWriteResource(resourceName);
  const found = uploads.find(resourceName);
  const upload = found && writeOffset > 0 ? found : uploads.begin(resourceName, resource);
  const stored = upload.stored.then(() => ({
    committedSize: resource.encoding === 'identity' ? resource.blob.size : upload.received,
  }));
  const feed = async () => {
    upload.senders += 1;
    try {
      for (let next: IteratorResult<WriteRequest> = first; !next.done; next = await messages.next()) {
        const message = next.value;
        if (message.resourceName !== '' && message.resourceName !== resourceName) {
          throw new KbisectError('invalid-argument', 'one write has one resource name');
        }
        if (message.writeOffset !== upload.received) {
          throw new KbisectError(
            'invalid-argument',
            `write offset ${message.writeOffset}, ${upload.received} was due`,
          );
        }
        await upload.push(message.data, clock.now());
        if (!message.finishWrite) continue;
        upload.finish();
        return await stored;
      }
      return { committedSize: upload.received }; // it may go on in another call
    } finally {
      upload.senders -= 1;
    }
  };
  // A blob that is here already, or a store that refuses it, ends the call before all has come.
  return Promise.race([stored, feed()]);
}
