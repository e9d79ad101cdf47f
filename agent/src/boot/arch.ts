/** What differs from one architecture to the next. */
export interface Arch {
  readonly qemu: string;
  readonly machine: readonly string[];
  /** The kernel's name of the first serial port. */
  readonly console: string;
  /** What make is asked for, and where the image then is in the tree. */
  readonly target: string;
  readonly image: string;
}

const ARCHES: Readonly<Record<string, Arch>> = {
  x86_64: {
    qemu: 'qemu-system-x86_64',
    machine: ['-machine', 'pc'],
    console: 'ttyS0',
    target: 'bzImage',
    image: 'arch/x86/boot/bzImage',
  },
};

/** The architectures, by Linux's names, that an agent can build and boot. */
export const ARCH_NAMES = Object.keys(ARCHES);

export function archOf(name: string): Arch | undefined {
  return ARCHES[name];
}
