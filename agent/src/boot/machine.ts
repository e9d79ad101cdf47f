import { RDINIT } from '../initramfs/trial.js';
import { cpuArguments, type Accelerator, type Arch } from './arch.js';

/** The machine that a job asks for. */
export interface Machine {
  readonly memoryMib: number;
  readonly smp: number;
  /** Arguments of QEMU besides; checked. */
  readonly qemuArgs: readonly string[];
  /** Appended to the kernel command line. */
  readonly append: string;
  /** Gives the guest QEMU's user-mode network, cut off from this machine and its neighbours; otherwise it has none. */
  readonly userNetwork: boolean;
}

/** What a job that says nothing gets. */
export const SMALL_MACHINE: Machine = {
  memoryMib: 256,
  smp: 1,
  qemuArgs: [],
  append: '',
  userNetwork: false,
};

/** The files of a guest, by names that QEMU can open. */
export interface GuestFiles {
  readonly image: string;
  readonly initramfs: string;
  readonly disk?: { readonly path: string; readonly format: 'raw' | 'qcow2' };
}

/** No device that was not asked for, no host configuration, and seccomp against what a machine's emulator never needs. */
const CLOSED = [
  ...['-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none'],
  ...['-sandbox', 'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny'],
];

/** The serial port on standard input and output, through which the guest is also sent a break. */
export const SERIAL = ['-chardev', 'stdio,id=serial,signal=off', '-serial', 'chardev:serial'];

/**
 * The kernel command line: a panic and an oops end the guest at once, and the kernel puts the time before its lines, so that
 * they can be told from a program's. What the job appends comes last and counts.
 */
export function commandLine(arch: Arch, { append }: Machine): string {
  const words = [`console=${arch.console}`, 'panic=-1', 'oops=panic', 'printk.time=1', `rdinit=${RDINIT}`];
  return [...words, arch.append, append].filter(Boolean).join(' ');
}

/** QEMU's arguments for a machine, besides those for its console: nothing in them leads out of it. */
export function machineArguments(
  arch: Arch,
  accelerator: Accelerator,
  machine: Machine,
  files: GuestFiles,
  append: string,
): string[] {
  const { image, initramfs, disk } = files;
  return [
    ...CLOSED,
    ...['-machine', arch.machine, ...cpuArguments(arch, accelerator), '-accel', accelerator],
    ...['-m', `${machine.memoryMib}M`, '-smp', String(machine.smp)],
    ...['-nic', machine.userNetwork ? 'user,restrict=on,model=virtio-net-pci' : 'none'],
    ...(disk === undefined
      ? []
      : ['-drive', `file=${disk.path},format=${disk.format},if=virtio,snapshot=on`]),
    ...['-kernel', image, '-initrd', initramfs, '-append', append],
    ...machine.qemuArgs,
  ];
}
