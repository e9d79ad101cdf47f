import type { BlobName } from '@kbisect/shared/cache/blob-name';
import type { ByteStreamClient, ReadResponse } from '@kbisect/shared/gen/google/bytestream/bytestream';
import type { CacheServer } from '../cache-server.js';
import { atOnce } from './at-once.js';

/** Reads blobs, so many at once, and throws the bytes away. */
export async function readAllOverGrpc(
  server: CacheServer,
  blobs: readonly BlobName[],
  readers: number,
): Promise<void> {
  const clients = server.clients();
  try {
    await atOnce(blobs, readers, ({ digest, size }) =>
      readOne(clients.bytes, `blobs/${digest}/${size}`, size),
    );
  } finally {
    clients.close();
  }
}

/** Reads one stream to its end. @throws when it is not so many bytes */
export async function readOne(client: ByteStreamClient, resourceName: string, size: number): Promise<void> {
  let got = 0;
  const call = client.read({ resourceName, readOffset: 0, readLimit: 0 });
  call.on('data', ({ data }: ReadResponse) => (got += data.length));
  await new Promise((resolve, reject) => call.on('end', resolve).on('error', reject));
  if (got !== size) throw new Error(`${resourceName} came with ${got} bytes`);
}
