import { createReadStream } from 'node:fs';
import { CHUNK_BYTES } from '@kbisect/shared/cache/chunk';
import { ReapiBlobStore } from '@kbisect/shared/cache/reapi-blob-store';
import type { CacheServer } from '../cache-server.js';
import { atOnce } from './at-once.js';
import type { FileBlob } from './main.js';

/** Uploads files, as 32 agents do at once. */
export async function writeAllOverGrpc(server: CacheServer, files: readonly FileBlob[]): Promise<void> {
  const clients = server.clients();
  try {
    const store = new ReapiBlobStore(clients);
    await atOnce(files, 32, (file) =>
      store.put(file, createReadStream(file.path, { highWaterMark: CHUNK_BYTES })),
    );
  } finally {
    clients.close();
  }
}
