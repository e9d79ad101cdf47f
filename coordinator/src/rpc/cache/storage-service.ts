import { buffer } from 'node:stream/consumers';
import { Readable } from 'node:stream';
import { status, type ServerWritableStream } from '@grpc/grpc-js';
import { fromProtocol, toProtocol } from '@kbisect/shared/cache/blob-name';
import type { BlobStore } from '@kbisect/shared/cache/blob-store';
import { compressed, decompressed } from '@kbisect/shared/cache/zstd';
import { KbisectError } from '@kbisect/shared/errors';
import {
  Compressor_Value,
  type BatchUpdateBlobsRequest_Request,
  type BatchReadBlobsResponse_Response,
  type ContentAddressableStorageServer,
  type GetTreeRequest,
  type GetTreeResponse,
} from '@kbisect/shared/gen/build/bazel/remote/execution/v2/remote_execution';
import type { Status } from '@kbisect/shared/gen/google/rpc/status';
import type { Logger } from '@kbisect/shared/log';
import { callSignal, serviceError, streaming, unary } from '../handler.js';
import { checkDigestFunction, MAX_BATCH_BYTES } from './limits.js';
import { directoryPages } from './directory-pages.js';

/** Blobs asked for in one call. */
const MAX_NAMES = 100_000;
/** Blobs of a batch that are worked on at once. */
const AT_ONCE = 16;
const IDENTITY = Compressor_Value.IDENTITY;

/** Which blobs are here, and small ones by the batch. */
export function storageService(blobs: BlobStore, log: Logger): ContentAddressableStorageServer {
  /** What becomes of one item of a batch never ends the others. */
  const outcome = async (work: () => Promise<void>): Promise<Status> => {
    try {
      await work();
      return { code: status.OK, message: '' };
    } catch (error) {
      const { code, details } = serviceError(error, log);
      return { code, message: details };
    }
  };

  return {
    findMissingBlobs: unary(log, async (request) => {
      checkDigestFunction(request.digestFunction);
      if (request.blobDigests.length > MAX_NAMES) throw tooMuch(`${MAX_NAMES} blobs`);
      const missing = await blobs.missing(request.blobDigests.map(fromProtocol));
      return { missingBlobDigests: missing.map(toProtocol) };
    }),

    batchUpdateBlobs: unary(log, async (request) => {
      checkDigestFunction(request.digestFunction);
      const total = request.requests.reduce((sum, { data }) => sum + data.length, 0);
      if (total > MAX_BATCH_BYTES) throw tooMuch(`${MAX_BATCH_BYTES} bytes`);
      const responses = await inTurns(request.requests, async (item) => ({
        digest: item.digest,
        status: await outcome(() => update(item, blobs)),
      }));
      return { responses };
    }),

    batchReadBlobs: unary(log, async (request) => {
      checkDigestFunction(request.digestFunction);
      const total = request.digests.reduce((sum, { sizeBytes }) => sum + Math.max(0, sizeBytes), 0);
      if (total > MAX_BATCH_BYTES) throw tooMuch(`${MAX_BATCH_BYTES} bytes`);
      const zstd = request.acceptableCompressors.includes(Compressor_Value.ZSTD);
      const responses = await inTurns(request.digests, async (digest) => {
        const response: BatchReadBlobsResponse_Response = {
          digest,
          data: Buffer.alloc(0),
          compressor: IDENTITY,
          status: undefined,
        };
        response.status = await outcome(async () => {
          const name = fromProtocol(digest);
          const worthwhile = zstd && name.size >= WORTH_COMPRESSING;
          const bytes = blobs.get(name);
          response.data = await buffer(Readable.from(worthwhile ? compressed(bytes) : bytes));
          if (worthwhile) response.compressor = Compressor_Value.ZSTD;
        });
        return response;
      });
      return { responses };
    }),

    getTree: streaming(log, async (call: ServerWritableStream<GetTreeRequest, GetTreeResponse>) => {
      checkDigestFunction(call.request.digestFunction);
      const signal = callSignal(call);
      for await (const page of directoryPages(call.request, blobs)) {
        if (signal.aborted) return;
        call.write(page);
      }
      call.end();
    }),
  };
}

/** A smaller blob is sent as it is: a process for each would cost more than it saves. */
const WORTH_COMPRESSING = 64 * 1024;

async function update(item: BatchUpdateBlobsRequest_Request, blobs: BlobStore): Promise<void> {
  const name = fromProtocol(item.digest);
  const bytes = Readable.from([item.data]);
  switch (item.compressor) {
    case Compressor_Value.IDENTITY:
      return blobs.put(name, bytes);
    case Compressor_Value.ZSTD:
      return blobs.put(name, decompressed(bytes));
    case Compressor_Value.DEFLATE:
    case Compressor_Value.BROTLI:
      throw new KbisectError(
        'invalid-argument',
        `${item.compressor} is not known here; send it as it is, or as zstd`,
      );
  }
}

/** Works on some of the items at once; the results are in the items' order. */
async function inTurns<Item, Result>(
  items: readonly Item[],
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  for (let start = 0; start < items.length; start += AT_ONCE) {
    results.push(...(await Promise.all(items.slice(start, start + AT_ONCE).map(work))));
  }
  return results;
}

function tooMuch(limit: string): KbisectError {
  return new KbisectError(
    'invalid-argument',
    `more than ${limit} in one call; split it, or stream big blobs`,
  );
}
