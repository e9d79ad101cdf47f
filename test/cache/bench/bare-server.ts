import { once } from 'node:events';
import { Server, ServerCredentials, type ServerWritableStream } from '@grpc/grpc-js';
import { CHUNK_BYTES } from '@kbisect/shared/cache/chunk';
import {
  ByteStreamService,
  type ReadRequest,
  type ReadResponse,
} from '@kbisect/shared/gen/google/bytestream/bytestream';

// The plainest grpc-js server: it sends as many bytes as the resource name says, from memory, always the same chunk.

const chunk = Buffer.alloc(CHUNK_BYTES, 7);

async function send(call: ServerWritableStream<ReadRequest, ReadResponse>): Promise<void> {
  for (let left = Number(call.request.resourceName); left > 0; left -= chunk.length) {
    if (!call.write({ data: chunk.subarray(0, left) })) await once(call, 'drain');
  }
  call.end();
}

const server = new Server();
server.addService(ByteStreamService, { read: (call: Parameters<typeof send>[0]) => void send(call) });
server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  process.stdout.write(`127.0.0.1:${port}\n`);
});
