import { open } from 'node:fs/promises';
import { CHUNK_BYTES, giveBackChunk, takeChunk } from './chunk.js';

/**
 * The bytes of a file from `offset` on, at most `limit` of them. The next chunk is being read while one is worked on; one
 * that nobody needs any more may be given back.
 * @throws what `open` and `read` throw
 */
export async function* readFileInChunks(path: string, offset: number, limit: number): AsyncIterable<Buffer> {
  const file = await open(path);
  const end = offset + limit;
  let position = offset;
  const next = async () => {
    if (position >= end) return undefined;
    const chunk = takeChunk(Math.min(CHUNK_BYTES, end - position));
    const { bytesRead } = await file.read(chunk, 0, chunk.length, position);
    position += bytesRead;
    if (bytesRead > 0) return chunk.subarray(0, bytesRead);
    giveBackChunk(chunk);
    return undefined;
  };
  let ahead = next();
  try {
    for (;;) {
      const chunk = await ahead;
      if (chunk === undefined) return;
      ahead = next();
      ahead.catch(() => undefined); // told when its turn comes
      yield chunk;
    }
  } finally {
    await ahead.catch(() => undefined);
    await file.close();
  }
}
