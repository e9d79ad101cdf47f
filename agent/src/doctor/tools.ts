import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '@kbisect/shared/process';
import { crossPrefix, type Arch } from '../boot/arch.js';
import { programPath } from '../program-path.js';

/** Something that an agent needs to build and boot kernels. */
interface Need {
  readonly what: string;
  readonly debianPackage: string;
  readonly found: () => Promise<boolean>;
}

/** What was found of a need. */
export interface Finding {
  readonly what: string;
  readonly debianPackage: string;
  readonly found: boolean;
}

const program = (name: string, debianPackage = name): Need => ({
  what: name,
  debianPackage,
  found: () => isOnPath(name),
});
const compiles = (what: string, debianPackage: string, source: string, flags: string[]): Need => ({
  what,
  debianPackage,
  found: () => canCompile(source, flags),
});

const NEEDS: readonly Need[] = [
  program('git'),
  program('make'),
  program('gcc'),
  program('ld', 'binutils'),
  program('flex'),
  program('bison'),
  program('bc'),
  program('perl'),
  program('gzip'),
  program('zstd'),
  program('lz4'),
  program('setpriv', 'util-linux'),
  program('qemu-system-x86_64', 'qemu-system-x86'),
  program('/bin/busybox', 'busybox-static'),
  compiles('static C programs', 'libc6-dev', 'int main(void){return 0;}', ['-static']),
  compiles('libelf headers', 'libelf-dev', '#include <gelf.h>\nint main(void){return 0;}', ['-lelf']),
  compiles('OpenSSL headers', 'libssl-dev', '#include <openssl/evp.h>\nint main(void){return 0;}', [
    '-lcrypto',
  ]),
];

/** Looks, by trying each, for everything that an agent needs on this machine. */
export async function examineTools(): Promise<Finding[]> {
  return Promise.all(
    NEEDS.map(async ({ what, debianPackage, found }) => ({ what, debianPackage, found: await found() })),
  );
}

/** Whether this machine has the compiler and the linker of an architecture. */
export async function canCompileFor(arch: Arch): Promise<boolean> {
  const tools = await Promise.all(['gcc', 'ld'].map((name) => isOnPath(`${crossPrefix(arch)}${name}`)));
  return tools.every((found) => found);
}

/** A sentence for what is missing. */
export function describeMissing({ what, debianPackage }: Finding): string {
  return `${what} is missing: apt-get install ${debianPackage}`;
}

async function isOnPath(name: string): Promise<boolean> {
  return (await programPath(name)) !== undefined;
}

async function canCompile(source: string, flags: readonly string[]): Promise<boolean> {
  if (!(await isOnPath('gcc'))) return false;
  const directory = await mkdtemp(join(tmpdir(), 'kbisect-doctor-'));
  try {
    await writeFile(join(directory, 'try.c'), source);
    const args = ['-o', join(directory, 'try'), join(directory, 'try.c'), ...flags];
    return (await run({ program: 'gcc', args, timeoutMs: 30_000 })).status === 0;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
