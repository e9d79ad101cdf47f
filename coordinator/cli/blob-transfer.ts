import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { KbisectError } from '@kbisect/shared/errors';
import type { WriteRequest, WriteResponse } from '@kbisect/shared/gen/google/bytestream/bytestream';
import type { BlobRef } from '@kbisect/shared/gen/kbisect/v1/job';
import { fromStatus } from '@kbisect/shared/status';
import type { Connection } from './connection.js';
import { piecesOf, type Upload } from './user-file.js';

const CHUNK = 256 * 1024;

/**
 * Brings a blob to the coordinator; one that it has already is not sent whole.
 * @throws KbisectError when the coordinator refuses it or keeps only a part
 */
export async function uploadBlob({ bytes: client }: Connection, upload: Upload): Promise<void> {
  const { blob } = upload.named;
  const resourceName = `uploads/${randomUUID()}/blobs/${blob.digest}/${blob.size}`;
  const answered = new AbortController();
  const answer = new Promise<WriteResponse>((resolve, reject) => {
    const call = client.write((error, response) => {
      answered.abort();
      if (error) reject(fromStatus(error));
      else resolve(response);
    });
    const write = (message: WriteRequest) => call.write(message);
    void (async () => {
      let offset = 0;
      for await (const data of piecesOf(upload, CHUNK)) {
        const finishWrite = offset + data.length === blob.size;
        const room = write({ resourceName, writeOffset: offset, finishWrite, data });
        offset += data.length;
        if (!room) await once(call, 'drain', { signal: answered.signal }).catch(() => undefined);
        if (answered.signal.aborted) break;
      }
      if (blob.size === 0) write({ resourceName, writeOffset: 0, finishWrite: true, data: Buffer.alloc(0) });
      call.end();
    })().catch(reject); // a file that can no longer be read
  });
  const { committedSize } = await answer;
  if (committedSize !== blob.size) {
    throw new KbisectError(
      'data-loss',
      `the coordinator kept ${committedSize} of ${blob.size} bytes; try again`,
    );
  }
}

/** A blob's bytes as they come from the coordinator. */
export async function* downloadBlob({ bytes: client }: Connection, blob: BlobRef): AsyncGenerator<Buffer> {
  const resourceName = `blobs/${blob.digest}/${blob.size}`;
  const call = client.read({ resourceName, readOffset: 0, readLimit: 0 });
  call.on('error', () => undefined); // seen by the loop; after it, nobody's concern
  try {
    for await (const { data } of call as AsyncIterable<{ data: Buffer }>) yield data;
  } catch (error) {
    throw fromStatus(error);
  } finally {
    call.cancel();
  }
}
