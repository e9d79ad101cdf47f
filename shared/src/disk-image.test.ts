import { describe, expect, it } from 'vitest';
import { DISK_HEADER, diskFormat } from './disk-image.js';

/** A qcow2 header, version 3, with fields set. */
function qcow2(backing: bigint, incompatible: bigint): Buffer {
  const header = Buffer.alloc(DISK_HEADER);
  header.write('QFI\xfb', 'latin1');
  header.writeUInt32BE(3, 4);
  header.writeBigUInt64BE(backing, 8);
  header.writeBigUInt64BE(incompatible, 72);
  return header;
}

describe('a disk image', () => {
  it('is raw unless it says that it is a qcow2', () => {
    expect(diskFormat(Buffer.from('anything'))).toBe('raw');
    expect(diskFormat(qcow2(0n, 1n))).toBe('qcow2');
  });

  it('that leads QEMU to another file of the host is refused', () => {
    expect(() => diskFormat(qcow2(0x200n, 0n))).toThrow(/with a backing file/);
    expect(() => diskFormat(qcow2(0n, 4n))).toThrow(/whose data is in another file/);
    expect(() => diskFormat(qcow2(0n, 0n).subarray(0, 50))).toThrow(/cut short/);
  });
});
