import { blobName, type BlobName } from '@kbisect/shared/cache/blob-name';
import { KbisectError } from '@kbisect/shared/errors';

/** How the bytes of a blob are on the wire. */
export type Encoding = 'identity' | 'zstd';

/** What a resource name of a byte stream names. */
export interface Resource {
  readonly blob: BlobName;
  readonly encoding: Encoding;
}

// This cache has one instance, so that whatever a client calls it is taken.
const KEYWORD = String.raw`(?:blobs|uploads|compressed-blobs)\/`;
const INSTANCE = String.raw`(?:(?!${KEYWORD})\w[\w.-]{0,63}\/){0,8}`;
const BLOB = String.raw`(blobs|compressed-blobs\/zstd)\/([^/]+)\/(\d{1,15})`;
const READ = new RegExp(`^${INSTANCE}${BLOB}$`);
const WRITE = new RegExp(String.raw`^${INSTANCE}uploads\/[\w-]{1,64}\/${BLOB}(?:\/.{0,256})?$`);

/**
 * Reads `blobs/<sha256>/<size>` or `compressed-blobs/zstd/<sha256>/<size>`.
 * @throws KbisectError `invalid-argument`
 */
export function parseReadResource(name: string): Resource {
  return parse(READ, name, 'read');
}

/** The same after `uploads/<uuid>/`; what follows the size is of no concern. @throws KbisectError `invalid-argument` */
export function parseWriteResource(name: string): Resource {
  return parse(WRITE, name, 'write');
}

function parse(pattern: RegExp, name: string, what: string): Resource {
  const [, kind, hash, size] = (name.length <= 1024 && pattern.exec(name)) || [];
  if (hash === undefined || size === undefined) {
    throw new KbisectError(
      'invalid-argument',
      `${JSON.stringify(name.slice(0, 200))} names no blob to ${what}`,
    );
  }
  return { blob: blobName(hash, Number(size)), encoding: kind === 'blobs' ? 'identity' : 'zstd' };
}
