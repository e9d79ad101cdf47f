import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { digestOf, digestOfFile } from '@kbisect/shared/digest';
import { KbisectError, messageOf, systemCode } from '@kbisect/shared/errors';
import type { BlobRef, NamedBlob } from '@kbisect/shared/gen/kbisect/v1/job';

/** Bytes that are to be uploaded, beside what names them: in memory, or in a file too large for that. */
export type Upload = { readonly named: NamedBlob & { readonly blob: BlobRef } } & (
  { readonly bytes: Buffer } | { readonly path: string }
);

/** A file's bytes in memory. */
export type ReadFile = Extract<Upload, { bytes: Buffer }>;

/** Reads a file of the user's. @throws KbisectError `invalid-argument` with the option and the reason */
export async function readUserFile(option: string, path: string, maxBytes: number): Promise<ReadFile> {
  return checked(option, path, maxBytes, async (executable) => {
    const bytes = await readFile(path);
    const blob = { digest: digestOf(bytes), size: bytes.length };
    return { named: { name: basename(path), blob, executable }, bytes };
  });
}

/** Names a file that is read only when it is uploaded. @throws as `readUserFile` */
export async function nameUserFile(option: string, path: string, maxBytes: number): Promise<Upload> {
  return checked(option, path, maxBytes, async (executable) => {
    const blob = await digestOfFile(path);
    return { named: { name: basename(path), blob, executable }, path };
  });
}

/** The bytes of an upload, in pieces of at most `size`. */
export async function* piecesOf(upload: Upload, size: number): AsyncGenerator<Buffer> {
  if ('path' in upload) {
    yield* createReadStream(upload.path, { highWaterMark: size }) as AsyncIterable<Buffer>;
    return;
  }
  for (let at = 0; at < upload.bytes.length; at += size) yield upload.bytes.subarray(at, at + size);
}

async function checked<T>(
  option: string,
  path: string,
  maxBytes: number,
  take: (executable: boolean) => Promise<T>,
): Promise<T> {
  try {
    const about = await stat(path);
    if (!about.isFile()) throw new Error('not a file');
    if (about.size > maxBytes) throw new Error(`${about.size} bytes; the limit is ${maxBytes}`);
    return await take((about.mode & 0o111) !== 0);
  } catch (error) {
    const reason = systemCode(error) === 'ENOENT' ? 'no such file' : messageOf(error);
    throw new KbisectError('invalid-argument', `${option} ${path}: ${reason}`);
  }
}
