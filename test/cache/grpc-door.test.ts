import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { status, type ServiceError } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toProtocol } from '@kbisect/shared/cache/blob-name';
import { blobStoreConformance, chunksOf, nameOf, read } from '@kbisect/shared/cache/blob-store-conformance';
import { ReapiActionCache } from '@kbisect/shared/cache/reapi-action-cache';
import { ReapiBlobStore } from '@kbisect/shared/cache/reapi-blob-store';
import { VerifyingBlobStore } from '@kbisect/shared/cache/verifying-blob-store';
import { compressed, decompressed } from '@kbisect/shared/cache/zstd';
import { systemClock } from '@kbisect/shared/clock';
import { digestOf } from '@kbisect/shared/digest';
import {
  ActionResult,
  BatchReadBlobsRequest,
  BatchUpdateBlobsRequest,
  Compressor_Value,
  DigestFunction_Value,
  Directory,
  FindMissingBlobsRequest,
  GetTreeRequest,
  Tree,
  type BatchReadBlobsResponse,
  type BatchUpdateBlobsResponse,
  type FindMissingBlobsResponse,
  type GetTreeResponse,
  type ServerCapabilities,
} from '@kbisect/shared/gen/build/bazel/remote/execution/v2/remote_execution';
import {
  WriteRequest,
  type QueryWriteStatusResponse,
  type ReadResponse,
  type WriteResponse,
} from '@kbisect/shared/gen/google/bytestream/bytestream';
import { createLog } from '@kbisect/shared/log';
import { unaryCall } from '@kbisect/shared/status';
import { CacheServer } from './cache-server.js';

const log = createLog('test');
log.level = 'silent';

let server: CacheServer;
let clients: ReturnType<CacheServer['clients']>;
let store: ReapiBlobStore;

beforeAll(async () => {
  server = await CacheServer.start();
  clients = server.clients();
  store = new ReapiBlobStore(clients);
});
afterAll(async () => {
  clients.close();
  await server.close();
});

blobStoreConformance('blobs at an endpoint of the protocol', () =>
  Promise.resolve({
    store: new VerifyingBlobStore(new ReapiBlobStore(clients), systemClock, log),
    close: () => Promise.resolve(),
  }),
);

async function put(bytes: Uint8Array) {
  await store.put(nameOf(bytes), chunksOf(bytes));
  return nameOf(bytes);
}

/** A write of our own making, message by message. */
function write(bytes = clients.bytes): {
  call: ReturnType<typeof clients.bytes.write>;
  done: Promise<WriteResponse>;
} {
  let settle: (error: ServiceError | null, response: WriteResponse) => void = () => undefined;
  const done = new Promise<WriteResponse>((resolve, reject) => {
    settle = (error, response) => (error ? reject(error) : resolve(response));
  });
  done.catch(() => undefined);
  return { call: bytes.write(settle), done };
}
const message = (part: Partial<WriteRequest>) => WriteRequest.create(part);
const queryStatus = (resourceName: string) =>
  unaryCall<QueryWriteStatusResponse>((done) => clients.bytes.queryWriteStatus({ resourceName }, done));
async function readRaw(resourceName: string, readOffset = 0, readLimit = 0): Promise<Buffer> {
  const call = clients.bytes.read({ resourceName, readOffset, readLimit });
  const parts: Buffer[] = [];
  for await (const { data } of call as AsyncIterable<ReadResponse>) parts.push(data);
  return Buffer.concat(parts);
}

describe('what the server says of itself', () => {
  it('is true', async () => {
    const { cacheCapabilities } = await unaryCall<ServerCapabilities>((done) =>
      clients.capabilities.getCapabilities({ instanceName: '' }, done),
    );
    expect(cacheCapabilities).toMatchObject({
      digestFunctions: [DigestFunction_Value.SHA256],
      actionCacheUpdateCapabilities: { updateEnabled: true },
      supportedCompressors: [Compressor_Value.IDENTITY, Compressor_Value.ZSTD],
    });
    const size = cacheCapabilities!.maxBatchTotalSizeBytes;
    const bytes = randomBytes(size);
    const requests = [{ digest: toProtocol(nameOf(bytes)), data: bytes }];
    const updated = await unaryCall<BatchUpdateBlobsResponse>((done) =>
      clients.storage.batchUpdateBlobs(BatchUpdateBlobsRequest.create({ requests }), done),
    );
    expect(updated.responses[0]?.status?.code).toBe(status.OK);
  });
});

describe('an upload', () => {
  it('goes on after a broken connection where it was, and is asked for before', async () => {
    const bytes = randomBytes(1_000_000);
    const { digest, size } = nameOf(bytes);
    const resourceName = `uploads/${randomUUID()}/blobs/${digest}/${size}`;
    const first = write();
    first.call.write(message({ resourceName, data: bytes.subarray(0, 300_000) }));
    await expect
      .poll(() => queryStatus(resourceName).catch(() => undefined))
      .toEqual({
        committedSize: 300_000,
        complete: false,
      });
    first.call.cancel();
    await expect(first.done).rejects.toMatchObject({ code: status.CANCELLED });

    const second = write();
    second.call.write(
      message({ resourceName, writeOffset: 300_000, data: bytes.subarray(300_000, 700_000) }),
    );
    second.call.end(); // not finished: it may go on once more
    expect(await second.done).toEqual({ committedSize: 700_000 });

    const third = write();
    third.call.write(
      message({ resourceName, writeOffset: 700_000, data: bytes.subarray(700_000), finishWrite: true }),
    );
    expect(await third.done).toEqual({ committedSize: size });
    expect(await queryStatus(resourceName)).toEqual({ committedSize: size, complete: true });
    expect((await read(store, { digest, size })).equals(bytes)).toBe(true);
  });

  it('of what is here already ends at once', async () => {
    const name = await put(randomBytes(5_000_000));
    const again = write();
    again.call.write(
      message({ resourceName: `uploads/x/blobs/${name.digest}/${name.size}`, data: Buffer.alloc(10) }),
    );
    expect(await again.done).toEqual({ committedSize: name.size });
  });
});

describe('zstd', () => {
  it('goes in and comes out, streamed and by the batch', async () => {
    const text = Buffer.from('the same line again and again\n'.repeat(10_000));
    const { digest, size } = nameOf(text);
    const packed = await buffer(Readable.from(compressed(chunksOf(text))));
    expect(packed.length).toBeLessThan(size / 20);
    const upload = write();
    upload.call.write(
      message({
        resourceName: `uploads/${randomUUID()}/compressed-blobs/zstd/${digest}/${size}`,
        data: packed,
        finishWrite: true,
      }),
    );
    expect(await upload.done).toEqual({ committedSize: packed.length });
    expect((await readRaw(`blobs/${digest}/${size}`)).equals(text)).toBe(true);
    const sent = await readRaw(`compressed-blobs/zstd/${digest}/${size}`, 30);
    const whole = await buffer(Readable.from(decompressed(chunksOf(sent))));
    expect(whole.equals(text.subarray(30))).toBe(true);

    const batch = await unaryCall<BatchReadBlobsResponse>((done) =>
      clients.storage.batchReadBlobs(
        BatchReadBlobsRequest.create({
          digests: [toProtocol({ digest, size })],
          acceptableCompressors: [Compressor_Value.ZSTD, Compressor_Value.BROTLI],
        }),
        done,
      ),
    );
    expect(batch.responses[0]).toMatchObject({ compressor: Compressor_Value.ZSTD });
    expect(batch.responses[0]!.data.length).toBeLessThan(size / 20);
  });
});

describe('a batch', () => {
  it('takes and gives each blob by itself: one that is wrong harms no other', async () => {
    const [good, other] = [randomBytes(100), randomBytes(100)];
    const requests = [
      { digest: toProtocol(nameOf(good)), data: good },
      { digest: toProtocol(nameOf(other)), data: good },
      { digest: { hash: '../../etc/passwd', sizeBytes: 100 }, data: good },
    ];
    const { responses } = await unaryCall<BatchUpdateBlobsResponse>((done) =>
      clients.storage.batchUpdateBlobs(BatchUpdateBlobsRequest.create({ requests }), done),
    );
    expect(responses.map((response) => response.status?.code)).toEqual([
      status.OK,
      status.INVALID_ARGUMENT,
      status.INVALID_ARGUMENT,
    ]);
    const digests = [toProtocol(nameOf(good)), toProtocol(nameOf(other))];
    const answer = await unaryCall<BatchReadBlobsResponse>((done) =>
      clients.storage.batchReadBlobs(BatchReadBlobsRequest.create({ digests }), done),
    );
    expect(answer.responses.map((response) => response.status?.code)).toEqual([status.OK, status.NOT_FOUND]);
    expect(answer.responses[0]!.data.equals(good)).toBe(true);
  });
});

describe('an action’s result', () => {
  const cache = () => new ReapiActionCache(clients.actions);

  it('is known only while every blob that it names is here, those in its trees too', async () => {
    const [file, inTree] = [randomBytes(10), randomBytes(20)];
    const tree = Tree.encode(
      Tree.create({ root: { files: [{ name: 'x', digest: toProtocol(nameOf(inTree)) }] } }),
    ).finish();
    const action = digestOf(randomBytes(8));
    const result = ActionResult.create({
      outputFiles: [{ path: 'image', digest: toProtocol(nameOf(file)) }],
      outputDirectories: [{ path: 'out', treeDigest: toProtocol(nameOf(tree)) }],
    });
    await cache().put(action, result);
    for (const bytes of [file, tree, inTree]) {
      expect(await cache().get(action)).toBeUndefined();
      await put(bytes);
    }
    expect(await cache().get(action)).toEqual(result);
  });

  it('comes with the contents that were asked for', async () => {
    const text = Buffer.from('warning: unused variable\n');
    const action = digestOf(randomBytes(8));
    await cache().put(action, ActionResult.create({ stderrDigest: toProtocol(await put(text)) }));
    const inlined = await unaryCall<ActionResult>((done) =>
      clients.actions.getActionResult(
        {
          instanceName: '',
          actionDigest: { hash: action, sizeBytes: 8 },
          inlineStdout: true,
          inlineStderr: true,
          inlineOutputFiles: [],
          digestFunction: DigestFunction_Value.UNKNOWN,
        },
        done,
      ),
    );
    expect(inlined.stderrRaw.toString()).toBe(text.toString());
  });
});

describe('a tree of directories', () => {
  it('is given whole, each directory once, in pages that can be taken up again', async () => {
    const encode = (directory: Directory) => Buffer.from(Directory.encode(directory).finish());
    const leaves = Array.from({ length: 5 }, (_, n) =>
      Directory.create({ files: [{ name: `f${n}`, digest: toProtocol(nameOf(Buffer.from('x'))) }] }),
    );
    const nodes = [];
    for (const [n, leaf] of leaves.entries()) {
      nodes.push({ name: `d${n}`, digest: toProtocol(await put(encode(leaf))) });
      nodes.push({ name: `again${n}`, digest: toProtocol(await put(encode(leaf))) });
    }
    nodes.push({ name: 'missing', digest: toProtocol(nameOf(Buffer.from('never put'))) });
    const root = Directory.create({ directories: nodes });
    const rootDigest = toProtocol(await put(encode(root)));
    const pages = async (pageToken: string) => {
      const call = clients.storage.getTree(GetTreeRequest.create({ rootDigest, pageSize: 2, pageToken }));
      const found: GetTreeResponse[] = [];
      for await (const page of call as AsyncIterable<GetTreeResponse>) found.push(page);
      return found;
    };
    const all = await pages('');
    expect(all.map(({ directories }) => directories.length)).toEqual([2, 2, 2]);
    expect(all.flatMap(({ directories }) => directories)).toEqual([root, ...leaves]);
    expect(await pages(all[0]!.nextPageToken)).toEqual(all.slice(1));
  });
});

describe('abuse', () => {
  const hash = digestOf('x');
  const code = (wanted: status) => expect.objectContaining({ code: wanted }) as unknown;

  it.each([
    `blobs/${hash}/1/../../etc/passwd`,
    `../blobs/${hash}/1`,
    `/blobs/${hash}/1`,
    `blobs/../${hash}/1`,
    `blobs/${hash.slice(1)}/1`,
    `blobs/${hash.toUpperCase()}/1`,
    `blobs/${hash}/-1`,
    `blobs/${hash}/99999999999999999999`,
    `blobs/${hash}/1e3`,
    `compressed-blobs/brotli/${hash}/1`,
    `uploads/x/blobs/${hash}/1`,
    'x'.repeat(100_000),
    '',
    `blobs/${hash}\0/1`,
  ])('a resource name like %.60s is refused', async (resourceName) => {
    await expect(readRaw(resourceName)).rejects.toEqual(code(status.INVALID_ARGUMENT));
  });

  it.each([
    { what: 'a negative offset', offset: -1, limit: 0 },
    { what: 'an offset beyond the end', offset: 1001, limit: 0 },
    { what: 'a negative limit', offset: 0, limit: -5 },
  ])('$what is refused', async ({ offset, limit }) => {
    const { digest, size } = await put(Buffer.alloc(1000, 7));
    await expect(readRaw(`blobs/${digest}/${size}`, offset, limit)).rejects.toEqual(
      code(status.INVALID_ARGUMENT),
    );
  });

  it('a blob under another size is not there', async () => {
    const { digest } = await put(Buffer.alloc(1000, 7));
    await expect(readRaw(`blobs/${digest}/999`)).rejects.toEqual(code(status.NOT_FOUND));
  });

  it.each([
    { what: 'an offset that was not due', messages: [{ writeOffset: 5, data: Buffer.from('x') }] },
    { what: 'a gap', messages: [{ data: Buffer.from('x') }, { writeOffset: 7, data: Buffer.from('y') }] },
    {
      what: 'another name midway',
      messages: [{ data: Buffer.from('x') }, { writeOffset: 1, resourceName: 'blobs/y' }],
    },
    { what: 'wrong bytes', messages: [{ data: Buffer.from('wrong'), finishWrite: true }] },
    { what: 'more bytes than announced', messages: [{ data: Buffer.alloc(3_000_000) }] },
  ])('a write with $what is refused', async ({ messages }) => {
    const { call, done } = write();
    const resourceName = `uploads/${randomUUID()}/blobs/${digestOf(randomUUID())}/5`;
    for (const part of messages) call.write(message({ resourceName, ...part }));
    await expect(done).rejects.toEqual(code(status.INVALID_ARGUMENT));
  });

  it('a compressed bomb is stopped at the announced size', async () => {
    const bomb = await buffer(Readable.from(compressed(chunksOf(Buffer.alloc(50_000_000), 1_000_000))));
    const { call, done } = write();
    const resourceName = `uploads/${randomUUID()}/compressed-blobs/zstd/${hash}/100`;
    call.write(message({ resourceName, data: bomb, finishWrite: true }));
    await expect(done).rejects.toEqual(code(status.INVALID_ARGUMENT));
  });

  it('bytes that are no zstd are refused', async () => {
    const { call, done } = write();
    const resourceName = `uploads/${randomUUID()}/compressed-blobs/zstd/${hash}/100`;
    call.write(message({ resourceName, data: randomBytes(1000), finishWrite: true }));
    await expect(done).rejects.toEqual(code(status.INVALID_ARGUMENT));
  });

  it('a batch that is too big is refused, and so is another digest function', async () => {
    const digests = [{ hash, sizeBytes: 5_000_000 }];
    const read = unaryCall((done) =>
      clients.storage.batchReadBlobs(BatchReadBlobsRequest.create({ digests }), done),
    );
    await expect(read).rejects.toMatchObject({ code: 'invalid-argument' });
    const requests = [{ digest: { hash, sizeBytes: 5_000_000 }, data: Buffer.alloc(5_000_000) }];
    const update = unaryCall((done) =>
      clients.storage.batchUpdateBlobs(BatchUpdateBlobsRequest.create({ requests }), done),
    );
    await expect(update).rejects.toMatchObject({ code: 'invalid-argument' });
    const blake = { digestFunction: DigestFunction_Value.BLAKE3 };
    const find = unaryCall((done) =>
      clients.storage.findMissingBlobs(FindMissingBlobsRequest.create(blake), done),
    );
    await expect(find).rejects.toMatchObject({ code: 'invalid-argument' });
  });

  it('a directory that is none, and a result that names no blob, are refused', async () => {
    const rootDigest = toProtocol(await put(Buffer.alloc(1000, 0xff)));
    const call = clients.storage.getTree(GetTreeRequest.create({ rootDigest }));
    call.resume();
    const [error] = (await once(call, 'error')) as [ServiceError];
    expect(error.code).toBe(status.INVALID_ARGUMENT);
    const nameless = ActionResult.create({ outputFiles: [{ path: 'image' }] });
    const cache = new ReapiActionCache(clients.actions);
    await expect(cache.put(digestOf('a'), nameless)).rejects.toMatchObject({ code: 'invalid-argument' });
  });

  it('a reader that stalls, and 1,000 half-open uploads, leave the server serving', async () => {
    const bytes = randomBytes(20_000_000);
    const name = await put(bytes);
    const abuser = server.clients();
    const stalled = abuser.bytes.read({
      resourceName: `blobs/${name.digest}/${name.size}`,
      readOffset: 0,
      readLimit: 0,
    });
    stalled.on('error', () => undefined);
    await once(stalled, 'readable');
    const half = Array.from({ length: 1000 }, (_, n) => {
      const { call, done } = write(abuser.bytes);
      const digest = digestOf(`half ${n}`);
      call.write(
        message({ resourceName: `uploads/${randomUUID()}/blobs/${digest}/1000000`, data: randomBytes(100) }),
      );
      return { call, done };
    });
    const { missingBlobDigests } = await unaryCall<FindMissingBlobsResponse>((done) =>
      clients.storage.findMissingBlobs(
        FindMissingBlobsRequest.create({ blobDigests: [toProtocol(name)] }),
        done,
      ),
    );
    expect(missingBlobDigests).toEqual([]);
    expect((await read(store, name)).equals(bytes)).toBe(true);
    await put(randomBytes(1000));
    for (const { call } of half) call.cancel();
    stalled.cancel();
    abuser.close();
    await put(randomBytes(1000));
  });
});
