/** A guest of a few instructions that says K on its serial port and ends its machine. */
export interface ProbeGuest {
  readonly bytes: Buffer;
  /** QEMU's arguments for booting the file that holds it. */
  readonly boot: (path: string) => readonly string[];
}

/**
 * A boot sector at 0x7c00. It goes to protected mode and turns on paging, so that the hardware has to do more than run 16-bit
 * code, says K on the serial port, and ends QEMU through its debug-exit device.
 */
const X86_CODE = [
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
const X86_TABLE = ['0000000000000000', 'ffff0000009acf00', 'ffff00000092cf00', '1700607c0000'].join('');

function bootSector(): Buffer {
  const sector = Buffer.alloc(512);
  sector.write(X86_CODE, 0, 'hex');
  sector.write(X86_TABLE, 0x60, 'hex');
  sector.writeUInt16LE(0xaa55, 510);
  return sector;
}

/** Runs where QEMU's virt machine loads a kernel: it speaks on the PL011 and powers off through PSCI. */
const ARM64_CODE = [
  '0120a1d2', // movz x1,#0x0900,lsl #16: the PL011
  '62098052', // mov w2,#'K'
  '220000b9', // str w2,[x1]
  '00018052', // movz w0,#0x0008
  '0080b072', // movk w0,#0x8400,lsl #16: SYSTEM_OFF
  '020000d4', // hvc #0
  '00000014', // b .
].join('');

/** The probe guest of an architecture, by Linux's name. */
export const PROBE_GUESTS: Readonly<Record<string, ProbeGuest>> = {
  x86_64: {
    bytes: bootSector(),
    boot: (path) => [
      ...['-device', 'isa-debug-exit,iobase=0x501,iosize=1'],
      ...['-drive', `file=${path},format=raw,if=floppy,readonly=on`],
    ],
  },
  arm64: { bytes: Buffer.from(ARM64_CODE, 'hex'), boot: (path) => ['-kernel', path] },
};
