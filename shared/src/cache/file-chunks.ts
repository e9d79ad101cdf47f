import { open } from 'node:fs/promises';

/** Bytes in one chunk. */
export const CHUNK_BYTES = 256 * 1024;

/**
 * The bytes of a file from `offset` on, at most `limit` of them. The next chunk is being read while one is worked on.
 * @throws what `open` and `read` throw
 */
export async function* readFileInChunks(path: string, offset: number, limit: number): AsyncIterable<Buffer> {
  const file = await open(path);
  const end = Math.min(offset + limit, Number.MAX_SAFE_INTEGER);
  let position = offset;
  const next = async () => {
    const length = Math.min(CHUNK_BYTES, end - position);
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafeSlow(length), 0, length, position);
    position += bytesRead;
    return buffer.subarray(0, bytesRead);
  };
  let ahead = next();
  try {
    for (;;) {
      const chunk = await ahead;
      if (chunk.length === 0) return;
      ahead = next();
      ahead.catch(() => undefined); // told when its turn comes
      yield chunk;
    }
  } finally {
    await ahead.catch(() => undefined);
    await file.close();
  }
}
