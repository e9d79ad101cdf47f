import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type {
  ContentAddressableStorageClient,
  FindMissingBlobsResponse,
} from '../gen/build/bazel/remote/execution/v2/remote_execution.js';
import { DigestFunction_Value } from '../gen/build/bazel/remote/execution/v2/remote_execution.js';
import type { ByteStreamClient, ReadResponse, WriteResponse } from '../gen/google/bytestream/bytestream.js';
import { KbisectError } from '../errors.js';
import { fromStatus, unaryCall } from '../status.js';
import { fromProtocol, toProtocol, type BlobName } from './blob-name.js';
import type { BlobStore } from './blob-store.js';
import { asBuffer } from './byte-stream.js';

/** Names asked for in one call; more would not fit into a message. */
const NAMES_PER_CALL = 10_000;

/** The clients of an endpoint. */
export interface ReapiClients {
  readonly bytes: ByteStreamClient;
  readonly storage: ContentAddressableStorageClient;
}

/** Blobs at an endpoint of the Remote Execution API: a coordinator, bazel-remote, Buildbarn, NativeLink. */
export class ReapiBlobStore implements BlobStore {
  constructor(
    private readonly clients: ReapiClients,
    private readonly instanceName = '',
  ) {}

  async missing(blobs: readonly BlobName[]): Promise<BlobName[]> {
    const missing: BlobName[] = [];
    for (let start = 0; start < blobs.length; start += NAMES_PER_CALL) {
      const request = {
        instanceName: this.instanceName,
        blobDigests: blobs.slice(start, start + NAMES_PER_CALL).map(toProtocol),
        digestFunction: DigestFunction_Value.SHA256,
      };
      const answer = await unaryCall<FindMissingBlobsResponse>((done) =>
        this.clients.storage.findMissingBlobs(request, done),
      );
      missing.push(...answer.missingBlobDigests.map(fromProtocol));
    }
    return missing;
  }

  /** @throws KbisectError with the server's own words; `data-loss` when it kept only a part */
  async put({ digest, size }: BlobName, bytes: AsyncIterable<Uint8Array>): Promise<void> {
    const resourceName = this.#resource(`uploads/${randomUUID()}/blobs/${digest}/${size}`);
    let broken: unknown;
    let kept: WriteResponse;
    try {
      kept = await unaryCall<WriteResponse>((done) => {
        const call = this.clients.bytes.write(done);
        // The server may end the call before it has all; whatever waits for it then is let go.
        const over = new AbortController();
        call.on('status', () => over.abort());
        const send = async () => {
          let writeOffset = 0;
          for await (const chunk of bytes) {
            if (over.signal.aborted) return;
            const data = asBuffer(chunk);
            const taken = call.write({ resourceName, writeOffset, finishWrite: false, data });
            writeOffset += chunk.length;
            if (!taken) await once(call, 'drain', { signal: over.signal });
          }
          call.write({ resourceName, writeOffset, finishWrite: true, data: Buffer.alloc(0) });
          call.end();
        };
        send().catch((error: unknown) => {
          if (over.signal.aborted) return;
          broken = error;
          call.cancel();
        });
      });
    } catch (error) {
      throw broken ?? error;
    }
    if (kept.committedSize !== size) {
      throw new KbisectError(
        'data-loss',
        `of blob ${digest} ${kept.committedSize} of ${size} bytes were kept; try again`,
      );
    }
  }

  async *get({ digest, size }: BlobName, offset = 0, limit = Infinity): AsyncIterable<Uint8Array> {
    const call = this.clients.bytes.read({
      resourceName: this.#resource(`blobs/${digest}/${size}`),
      readOffset: offset,
      readLimit: limit >= size - offset ? 0 : limit,
    });
    call.on('error', () => undefined); // seen by the loop; after it, nobody's concern
    try {
      for await (const { data } of call as AsyncIterable<ReadResponse>) yield data;
    } catch (error) {
      throw fromStatus(error);
    } finally {
      call.cancel();
    }
  }

  /** The protocol has no word for it; a server sees to its own blobs. */
  setAside(): Promise<void> {
    return Promise.resolve();
  }

  version(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  #resource(name: string): string {
    return this.instanceName === '' ? name : `${this.instanceName}/${name}`;
  }
}
