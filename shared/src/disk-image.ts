import { KbisectError } from './errors.js';

/** Bytes at the start of an image that tell all that is asked of it. */
export const DISK_HEADER = 104;

/**
 * The format of a disk image. A qcow2 may name other files, which QEMU would open wherever they lie: such an image is
 * refused. Fields and offsets are those of QEMU's docs/interop/qcow2.txt.
 * @param header the image's first bytes
 * @throws KbisectError `invalid-argument`
 */
export function diskFormat(header: Buffer): 'raw' | 'qcow2' {
  if (header.subarray(0, 4).toString('latin1') !== 'QFI\xfb') return 'raw';
  const refuse = (why: string) =>
    new KbisectError(
      'invalid-argument',
      `the disk image is a qcow2 ${why}; convert it: qemu-img convert -O qcow2`,
    );
  if (header.length < DISK_HEADER) throw refuse('that is cut short');
  if (header.readBigUInt64BE(8) !== 0n) throw refuse('with a backing file');
  const external = 1n << 2n;
  if (header.readUInt32BE(4) >= 3 && (header.readBigUInt64BE(72) & external) !== 0n) {
    throw refuse('whose data is in another file');
  }
  return 'qcow2';
}
