import { readdir, realpath } from 'node:fs/promises';
import { digestOf, digestOfFile } from '@kbisect/shared/digest';
import { run } from '@kbisect/shared/process';
import { ARCHES, crossPrefix, type Arch } from '../boot/arch.js';
import { programPath, searchPath } from '../program-path.js';

/** A compiler with what goes with it, for one architecture. */
export interface Toolchain {
  /** As a job names it: gcc, gcc-12, clang-14. */
  readonly name: string;
  readonly family: 'gcc' | 'clang';
  readonly version: string;
  readonly arch: string;
  /** All that decides its output, for recipes. */
  readonly identity: string;
  /** Its programs' content, for ccache. */
  readonly content: string;
  /** What make is told. */
  readonly make: readonly string[];
}

/** Every compiler on this machine that builds kernels, the default one of an architecture first. */
export async function probeToolchains(): Promise<Toolchain[]> {
  const programs = await programsOnPath();
  const found: Toolchain[] = [];
  for (const arch of ARCHES) {
    const cross = crossPrefix(arch);
    const names = [...programs]
      .filter((name) => name.startsWith(cross))
      .map((name) => name.slice(cross.length));
    for (const name of names.filter((name) => /^gcc(-\d+)?$/.test(name)).sort()) {
      found.push(...(await gcc(arch, cross, name)));
    }
  }
  for (const name of [...programs].filter((name) => /^clang(-\d+)?$/.test(name)).sort()) {
    const suffix = name.slice('clang'.length);
    if (!programs.has(`ld.lld${suffix}`)) continue;
    for (const arch of ARCHES) found.push(...(await clang(arch, name, suffix)));
  }
  return found;
}

async function gcc(arch: Arch, cross: string, name: string): Promise<Toolchain[]> {
  const compiler = cross + name;
  const version = await versionOf(compiler);
  const linker = await versionOf(`${cross}ld`);
  if (version === undefined || linker === undefined) return [];
  const make = [`CROSS_COMPILE=${cross}`, ...(name === 'gcc' ? [] : [`CC=${compiler}`])];
  return [
    {
      name,
      family: 'gcc',
      version: version.number,
      arch: arch.name,
      identity: `${version.line}; ${linker.line}`,
      content: await contentOf(compiler, ['cc1', 'as']),
      make,
    },
  ];
}

async function clang(arch: Arch, name: string, suffix: string): Promise<Toolchain[]> {
  const version = await versionOf(name);
  const linker = await versionOf(`ld.lld${suffix}`);
  if (version === undefined || linker === undefined) return [];
  const tools = ['LD=ld.lld', 'AR=llvm-ar', 'NM=llvm-nm', 'OBJCOPY=llvm-objcopy', 'STRIP=llvm-strip'];
  // Kernels before 5.18 know LLVM=1 and no suffix, so each tool is named.
  const make = ['LLVM=1', 'LLVM_IAS=1', `CC=${name}`, ...tools.map((tool) => tool + suffix)];
  const cross = crossPrefix(arch);
  return [
    {
      name,
      family: 'clang',
      version: version.number,
      arch: arch.name,
      identity: `${version.line}; ${linker.line}`,
      content: await contentOf(name, []),
      make: cross === '' ? make : [...make, `CROSS_COMPILE=${cross}`],
    },
  ];
}

async function versionOf(program: string): Promise<{ line: string; number: string } | undefined> {
  const done = await run({ program, args: ['--version'], timeoutMs: 10_000 }).catch(() => undefined);
  const line = done?.stdout.toString('utf8').split('\n')[0] ?? '';
  const number =
    /(\d+(?:\.\d+)+)/.exec(line.replace(/\([^)]*\)/g, ''))?.[1] ?? /(\d+(?:\.\d+)+)/.exec(line)?.[1];
  return done?.status === 0 && number !== undefined ? { line, number } : undefined;
}

/** A digest of the programs that a compiler runs. */
async function contentOf(compiler: string, parts: readonly string[]): Promise<string> {
  const paths = [(await programPath(compiler)) ?? compiler];
  for (const part of parts) {
    const done = await run({ program: compiler, args: [`-print-prog-name=${part}`], timeoutMs: 10_000 });
    const path = done.stdout.toString('utf8').trim();
    paths.push(path.includes('/') ? path : ((await programPath(path)) ?? path));
  }
  const digests: string[] = [];
  for (const path of paths) digests.push((await digestOfFile(await realpath(path))).digest);
  return digestOf(digests.join(' '));
}

async function programsOnPath(): Promise<ReadonlySet<string>> {
  const listed = await Promise.all(searchPath().map((place) => readdir(place).catch(() => [])));
  return new Set(listed.flat());
}
