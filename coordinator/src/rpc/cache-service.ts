import { once } from 'node:events';
import type { ServerReadableStream, ServerWritableStream } from '@grpc/grpc-js';
import { digest, type Digest } from '@kbisect/shared/digest';
import { KbisectError } from '@kbisect/shared/errors';
import type {
  ActionCacheServer,
  ContentAddressableStorageServer,
  Digest as ProtoDigest,
} from '@kbisect/shared/gen/build/bazel/remote/execution/v2/remote_execution';
import type {
  ByteStreamServer,
  ReadRequest,
  ReadResponse,
  WriteRequest,
  WriteResponse,
} from '@kbisect/shared/gen/google/bytestream/bytestream';
import type { Logger } from '@kbisect/shared/log';
import type { ActionCache } from '../cache/action-cache.js';
import type { BlobStore } from '../cache/blob-store.js';
import { callSignal, serviceError, streaming, unary } from './handler.js';

/** A resource name's blob: `[uploads/<id>/]blobs/<sha256>/<size>`. */
export function parseResource(name: string, kind: 'read' | 'write'): { digest: Digest; size: number } {
  const pattern =
    kind === 'read' ? /^blobs\/([^/]+)\/(\d{1,15})$/ : /^uploads\/[\w-]{1,64}\/blobs\/([^/]+)\/(\d{1,15})$/;
  const [, hash, size] = pattern.exec(name) ?? [];
  if (hash === undefined || size === undefined) {
    throw new KbisectError(
      'invalid-argument',
      `${JSON.stringify(name.slice(0, 200))} names no blob to ${kind}`,
    );
  }
  return { digest: digest(hash), size: Number(size) };
}

/** Blobs as byte streams. */
export function byteStreamService(blobs: BlobStore, log: Logger): ByteStreamServer {
  return {
    read: streaming(log, async (call: ServerWritableStream<ReadRequest, ReadResponse>) => {
      const { digest: name } = parseResource(call.request.resourceName, 'read');
      const signal = callSignal(call);
      for await (const data of blobs.get(name, call.request.readOffset)) {
        if (signal.aborted) return;
        // The peer's pace is ours: wait until it has taken what was written.
        if (!call.write({ data: Buffer.from(data) })) await once(call, 'drain', { signal });
      }
      call.end();
    }),
    write: (call, callback) => {
      void receive(call, blobs).then(
        (response) => callback(null, response),
        (error: unknown) => callback(serviceError(error, log)),
      );
    },
  };
}

async function receive(
  call: ServerReadableStream<WriteRequest, WriteResponse>,
  blobs: BlobStore,
): Promise<WriteResponse> {
  const messages = (call as AsyncIterable<WriteRequest>)[Symbol.asyncIterator]();
  const first = await messages.next();
  if (first.done) throw new KbisectError('invalid-argument', 'a write without a message');
  const { digest: name, size } = parseResource(first.value.resourceName, 'write');
  if ((await blobs.size(name)) === undefined) {
    await blobs.put(name, size, data(first.value, messages));
  }
  return { committedSize: size };
}

async function* data(first: WriteRequest, rest: AsyncIterator<WriteRequest>): AsyncIterable<Uint8Array> {
  let written = 0;
  for (let message = first; ;) {
    if (message.writeOffset !== written) {
      throw new KbisectError('invalid-argument', `write offset ${message.writeOffset}, ${written} was due`);
    }
    written += message.data.length;
    yield message.data;
    if (message.finishWrite) return;
    const next = await rest.next();
    if (next.done) return;
    message = next.value;
  }
}

/** Which blobs are not here yet. */
export function storageService(blobs: BlobStore, log: Logger): ContentAddressableStorageServer {
  return {
    findMissingBlobs: unary(log, async (request) => {
      const missing: ProtoDigest[] = [];
      for (const blob of request.blobDigests) {
        if ((await blobs.size(digest(blob.hash))) === undefined) missing.push(blob);
      }
      return { missingBlobDigests: missing };
    }),
  };
}

/** What is known of actions. */
export function actionService(actions: ActionCache, log: Logger): ActionCacheServer {
  return {
    getActionResult: unary(log, async (request) => {
      const result = await actions.get(digest(request.actionDigest?.hash ?? ''));
      if (result === undefined) throw new KbisectError('not-found', 'no result is known of this action');
      return result;
    }),
    updateActionResult: unary(log, async (request) => {
      if (request.actionResult === undefined)
        throw new KbisectError('invalid-argument', 'an action without a result');
      await actions.put(digest(request.actionDigest?.hash ?? ''), request.actionResult);
      return request.actionResult;
    }),
  };
}
