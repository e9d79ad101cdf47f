import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '@kbisect/shared/process';
import type { Accelerator } from './qemu.js';

/** A guest that works answers within milliseconds. */
const PROBE_MS = 4000;

/**
 * A boot sector at 0x7c00. It goes to protected mode and turns on paging, so that the hardware has to do more than run 16-bit
 * code, says K on the serial port, and ends QEMU through its debug-exit device.
 */
const CODE = [
  'fa', // cli
  '31c08ed8', // xor ax,ax; mov ds,ax
  '0f0116787c', // lgdt [0x7c78]
  '0f20c06683c8010f22c0', // mov eax,cr0; or eax,1; mov cr0,eax
  'ea197c0800', // jmp 0x08:0x7c19, which is the next instruction, now in 32 bits
  '66b810008ed88ec08ed0', // mov ax,0x10; mov ds,ax; mov es,ax; mov ss,ax
  'c7050000010083000000', // mov dword [0x10000],0x83: the first 4 MiB, present, writable, one large page
  'b8000001000f22d8', // mov eax,0x10000; mov cr3,eax
  '0f20e083c8100f22e0', // mov eax,cr4; or eax,0x10; mov cr4,eax: large pages
  '0f20c00d000000800f22c0', // mov eax,cr0; or eax,0x80000000; mov cr0,eax: paging
  '66baf803b04bee', // mov dx,0x3f8; mov al,'K'; out dx,al
  '66ba0105b000ee', // mov dx,0x501; mov al,0; out dx,al: the debug-exit device
  'f4', // hlt
].join('');
/** At 0x7c60: no segment, code, data; at 0x7c78: the table's limit and address. */
const TABLE = ['0000000000000000', 'ffff0000009acf00', 'ffff00000092cf00', '1700607c0000'].join('');

function bootSector(): Buffer {
  const sector = Buffer.alloc(512);
  sector.write(CODE, 0, 'hex');
  sector.write(TABLE, 0x60, 'hex');
  sector.writeUInt16LE(0xaa55, 510);
  return sector;
}

/** Whether a guest runs with the accelerator. A device file that opens proves nothing: only a guest that spoke does. */
export async function guestRuns(accelerator: Accelerator, signal: AbortSignal): Promise<boolean> {
  const directory = await mkdtemp(join(tmpdir(), 'kbisect-probe-'));
  try {
    const disk = join(directory, 'disk');
    await writeFile(disk, bootSector());
    const done = await run({
      program: 'qemu-system-x86_64',
      args: [
        ...[
          '-nodefaults',
          '-no-user-config',
          '-no-reboot',
          '-display',
          'none',
          '-serial',
          'stdio',
          '-nic',
          'none',
        ],
        ...['-accel', accelerator, '-m', '32M', '-device', 'isa-debug-exit,iobase=0x501,iosize=1'],
        ...['-drive', `file=${disk},format=raw,if=floppy`],
      ],
      signal,
      timeoutMs: PROBE_MS,
    });
    return done.stdout.toString('latin1').includes('K');
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** The fastest accelerator with which a guest runs on this machine; undefined when not even emulation works. */
export async function probeAccelerator(signal: AbortSignal): Promise<Accelerator | undefined> {
  for (const accelerator of ['kvm', 'tcg'] as const)
    if (await guestRuns(accelerator, signal)) return accelerator;
  return undefined;
}
