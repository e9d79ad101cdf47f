import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { KbisectError } from '@kbisect/shared/errors';
import { run, runText, type Completed } from '@kbisect/shared/process';
import { crossPrefix, type Arch } from '../boot/arch.js';

/** The C sources of PID 1, and the header for reproducers. */
export const HARNESS = fileURLToPath(new URL('../../harness/', import.meta.url));
const COMPILE_MS = 120_000;

/** A C reproducer as it lies on this machine; paths are relative to the directory. */
export interface CReproducer {
  readonly entry: string;
  /** C files that are linked with it. */
  readonly sources: readonly string[];
  readonly directory: string;
}

/** The harness, PID 1 of the guest. */
export async function compileHarness(arch: Arch, workdir: string, signal: AbortSignal): Promise<Buffer> {
  const path = join(workdir, 'harness');
  const flags = ['-Os', '-static', `-ffile-prefix-map=${HARNESS}=`, '-Wl,--build-id=none', '-s'];
  const args = [...flags, '-o', path, join(HARNESS, 'init.c')];
  await runText({ program: `${crossPrefix(arch)}gcc`, args, signal, timeoutMs: COMPILE_MS });
  return readFile(path);
}

/**
 * A static program of a C reproducer: one with a `main` is itself; of one with `do_test` the result is the exit status.
 * @throws KbisectError `invalid-argument` with the compiler's own words when it does not compile
 */
export async function compileReproducer(
  arch: Arch,
  { entry, sources, directory }: CReproducer,
  workdir: string,
  signal: AbortSignal,
): Promise<Buffer> {
  const tool = (name: string) => `${crossPrefix(arch)}${name}`;
  const gcc = (args: readonly string[], input?: string) =>
    run({
      program: tool('gcc'),
      args: ['-O1', '-pthread', '-D_GNU_SOURCE', `-ffile-prefix-map=${directory}/=`, '-I', HARNESS, ...args],
      cwd: dirname(join(directory, entry)),
      signal,
      timeoutMs: COMPILE_MS,
      ...(input === undefined ? {} : { input }),
    });
  const check = (name: string, { status, stderr }: Completed) => {
    if (status === 0) return;
    const own = stderr.replaceAll(`${directory}/`, '').trim().slice(0, 4000);
    throw new KbisectError('invalid-argument', `the reproducer ${name} does not compile:\n${own}`);
  };

  const objects: string[] = [];
  for (const [n, name] of [entry, ...sources].entries()) {
    const object = join(workdir, `reproducer-${n}.o`);
    check(name, await gcc(['-c', '-o', object, join(directory, name)]));
    objects.push(object);
  }
  const [object = ''] = objects;
  const symbols = () => runText({ program: tool('nm'), args: [object], signal });
  if (!/ T main$/m.test(await symbols())) {
    // In its own unit, where its own TEST_PASS is known if it has one.
    const main = (pass: string) =>
      gcc(
        ['-c', '-x', 'c', '-o', object, '-'],
        `#include ${JSON.stringify(join(directory, entry))}\nint main(void) { return do_test() == ${pass} ? 0 : 1; }\n`,
      );
    if ((await main('TEST_PASS')).status !== 0) await main('0');
    // A function that is not declared is only warned of.
    if (sources.length === 0 && / U do_test$/m.test(await symbols())) {
      throw new KbisectError(
        'invalid-argument',
        `the reproducer ${entry} has neither main() nor enum test_result do_test(void)`,
      );
    }
  }
  const program = join(workdir, 'reproducer.out');
  const link = ['-static', ...objects, join(HARNESS, 'line-buffered.c'), '-lm', '-Wl,--build-id=none'];
  check(entry, await gcc([...link, '-o', program]));
  return readFile(program);
}
