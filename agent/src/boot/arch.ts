/** What runs a guest's instructions. */
export type Accelerator = 'kvm' | 'tcg';

/** What differs from one architecture to the next. */
export interface Arch {
  /** Linux's name of it, as `make ARCH=` takes it. */
  readonly name: string;
  readonly qemu: string;
  /** Debian's package of that QEMU. */
  readonly qemuPackage: string;
  /** What QEMU emulates unless the job says otherwise. */
  readonly machine: string;
  /** The processor, emulated or the host's own; undefined leaves it to QEMU. */
  readonly cpu: Readonly<Record<Accelerator, string | undefined>>;
  /** The kernel's name of the first serial port. */
  readonly console: string;
  /** What the kernel is told besides, as it runs on an emulated machine. */
  readonly append: string;
  /** What make is asked for, and where the image then is in the tree. */
  readonly target: string;
  readonly image: string;
  /** Before the names of its compiler and linker, on a host of another architecture. */
  readonly crossCompile: string;
  /** Node's name of a host of this architecture. */
  readonly host: NodeJS.Architecture;
}

/** The architectures that kbisect builds and boots where their tools are. */
export const ARCHES: readonly Arch[] = [
  {
    name: 'x86_64',
    qemu: 'qemu-system-x86_64',
    qemuPackage: 'qemu-system-x86',
    machine: 'pc',
    cpu: { tcg: undefined, kvm: undefined },
    console: 'ttyS0',
    // On a busy host the guest's timer may not tick in time, and the kernel takes it for a broken one and panics.
    append: 'no_timer_check',
    target: 'bzImage',
    image: 'arch/x86/boot/bzImage',
    crossCompile: 'x86_64-linux-gnu-',
    host: 'x64',
  },
  {
    name: 'arm64',
    qemu: 'qemu-system-aarch64',
    qemuPackage: 'qemu-system-arm',
    machine: 'virt',
    cpu: { tcg: 'cortex-a57', kvm: 'host' },
    console: 'ttyAMA0',
    append: '',
    target: 'Image',
    image: 'arch/arm64/boot/Image',
    crossCompile: 'aarch64-linux-gnu-',
    host: 'arm64',
  },
];

export function archOf(name: string): Arch | undefined {
  return ARCHES.find((arch) => arch.name === name);
}

/** The prefix of the tools that build for an architecture on this machine; empty where they are the machine's own. */
export function crossPrefix(arch: Arch): string {
  return arch.host === process.arch ? '' : arch.crossCompile;
}

/** QEMU's arguments for the processor. */
export function cpuArguments({ cpu }: Arch, accelerator: Accelerator): string[] {
  const model = cpu[accelerator];
  return model === undefined ? [] : ['-cpu', model];
}
