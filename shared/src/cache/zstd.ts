import { once } from 'node:events';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { KbisectError } from '../errors.js';
import { killGroup, startProcess } from '../process.js';

// Debian's zstd program does the work: Node 20 has no zstd of its own.

/** The bytes, compressed. */
export function compressed(bytes: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  return through(['--compress', '-3'], bytes);
}

/**
 * The bytes, decompressed.
 * @throws KbisectError `invalid-argument` when they are not zstd
 */
export function decompressed(bytes: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  return through(['--decompress', '--memory=128MB'], bytes);
}

async function* through(
  args: readonly string[],
  bytes: AsyncIterable<Uint8Array>,
): AsyncIterable<Uint8Array> {
  const child = startProcess({ program: 'zstd', args: [...args, '--quiet', '--stdout'] }, [
    'pipe',
    'pipe',
    'ignore',
  ]);
  const closed = once(child, 'close') as Promise<[number | null]>;
  closed.catch(() => undefined); // an error to start is seen below
  const feeding = pipeline(Readable.from(bytes), child.stdin!);
  feeding.catch(() => undefined); // told after what came out
  try {
    yield* child.stdout as AsyncIterable<Buffer>;
    const [status] = await closed;
    if (status === 127) throw new KbisectError('missing-tool', "zstd is not installed; run 'kbisect doctor'");
    if (status !== 0) await feeding; // it may have ended early because the bytes did
    if (status !== 0) throw new KbisectError('invalid-argument', 'the bytes are not zstd');
    await feeding;
  } finally {
    killGroup(child);
  }
}
