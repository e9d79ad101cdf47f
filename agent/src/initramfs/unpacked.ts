import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { once } from 'node:events';
import { KbisectError } from '@kbisect/shared/errors';
import { startProcess } from '@kbisect/shared/process';

const MAX_BYTES = 2 ** 30;
const NEWC = /^07070[12]/;

/** Programs that unpack to standard output, by the first bytes of what they unpack. */
const PACKERS: readonly { readonly magic: string; readonly program: string }[] = [
  { magic: '1f8b', program: 'gzip' },
  { magic: '28b52ffd', program: 'zstd' },
  { magic: '02214c18', program: 'lz4' }, // the kernel's own, of `lz4 -l`
  { magic: '04224d18', program: 'lz4' },
];

/**
 * A user's initramfs as the cpio archive in it, so that any kernel can unpack it; with zeros to a multiple of four bytes,
 * where the next archive may begin.
 * @throws KbisectError `invalid-argument` when it is no newc archive, plain or packed, or is larger than 1 GiB;
 *   `missing-tool`
 */
export async function* plainCpio(path: string, signal: AbortSignal): AsyncGenerator<Buffer> {
  const magic = await head(path);
  const packer = PACKERS.find((one) => magic.toString('hex').startsWith(one.magic));
  let size = 0;
  for await (const chunk of packer ? unpacked(packer.program, path, signal) : createReadStream(path)) {
    const bytes = chunk as Buffer;
    if (size === 0 && !NEWC.test(bytes.subarray(0, 6).toString('latin1'))) {
      throw new KbisectError(
        'invalid-argument',
        'the initramfs is no cpio archive in the newc format, plain or packed by gzip, zstd or lz4',
      );
    }
    size += bytes.length;
    if (size > MAX_BYTES)
      throw new KbisectError('invalid-argument', 'the initramfs unpacks to more than 1 GiB');
    yield bytes;
  }
  yield Buffer.alloc((4 - (size % 4)) % 4);
}

async function* unpacked(program: string, path: string, signal: AbortSignal): AsyncGenerator<Buffer> {
  const child = startProcess({ program, args: ['-d', '-c', '--', path] }, ['ignore', 'pipe', 'pipe']);
  const closed = once(child, 'close') as Promise<[number | null]>;
  const stop = () => child.kill('SIGKILL');
  signal.addEventListener('abort', stop, { once: true });
  let words = '';
  child.stderr?.on('data', (chunk: Buffer) => (words = (words + chunk.toString('utf8')).slice(-1024)));
  try {
    yield* child.stdout as AsyncIterable<Buffer>;
    const [status] = await closed;
    if (status === 127 && words.startsWith('setpriv')) {
      throw new KbisectError('missing-tool', `${program} is not installed; run 'kbisect doctor'`);
    }
    if (status !== 0)
      throw new KbisectError('invalid-argument', `the initramfs: ${program} says: ${words.trim()}`);
  } finally {
    signal.removeEventListener('abort', stop);
    stop();
  }
}

async function head(path: string): Promise<Buffer> {
  const file = await open(path);
  try {
    return (await file.read(Buffer.alloc(8), 0, 8, 0)).buffer;
  } finally {
    await file.close();
  }
}
