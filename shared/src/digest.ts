import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { KbisectError } from './errors.js';

declare const brand: unique symbol;
/** The SHA-256 of some bytes: 64 lower-case hex digits. */
export type Digest = string & { readonly [brand]: 'digest' };

/** Takes text from outside; throws `invalid-argument` when it is no digest. */
export function digest(text: string): Digest {
  if (!/^[0-9a-f]{64}$/.test(text)) {
    throw new KbisectError(
      'invalid-argument',
      `${JSON.stringify(text.slice(0, 80))} is not a SHA-256 digest`,
    );
  }
  return text as Digest;
}

/** The digest of bytes in memory. */
export function digestOf(bytes: Uint8Array | string): Digest {
  return createHash('sha256').update(bytes).digest('hex') as Digest;
}

/** The digest and size, in bytes, of a file, read once as a stream. */
export async function digestOfFile(path: string): Promise<{ digest: Digest; size: number }> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    size += chunk.length;
  }
  return { digest: hash.digest('hex') as Digest, size };
}
