import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { blobName } from '@kbisect/shared/cache/blob-name';
import type { BlobRef } from '@kbisect/shared/gen/kbisect/v1/job';
import type { Connection } from './connection.js';

/** Writes a blob of the farm's cache to a file. @throws KbisectError `not-found` when the cache does not have it any more */
export async function saveBlob(
  { blobs }: Pick<Connection, 'blobs'>,
  { digest, size }: BlobRef,
  path: string,
  signal: AbortSignal,
): Promise<void> {
  await pipeline(Readable.from(blobs.get(blobName(digest, size))), createWriteStream(path), { signal });
}
