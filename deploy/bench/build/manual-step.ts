/**
 * What a careful developer gives to `git bisect run`: build the checkout in place, boot it, exit with what it showed.
 *
 *   node manual-step.js SETTINGS
 */
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '@kbisect/shared/process';

/** What stays the same over all steps. */
export interface ManualSettings {
  readonly tree: string;
  /** The whole .config, made once; each step runs `olddefconfig` on it. */
  readonly config: string;
  readonly initramfs: string;
  /** As QEMU names it. */
  readonly accelerator: string;
  /** File that takes one line for each step. */
  readonly log: string;
}

/** One step: 0 when the test passes, 1 when it fails, 125 when the commit cannot be tested. */
export async function manualStep({
  tree,
  config,
  initramfs,
  accelerator,
  log,
}: ManualSettings): Promise<number> {
  const began = Date.now();
  await writeFile(join(tree, '.config'), await readFile(config));
  for (const args of [['olddefconfig'], ['-j2', 'bzImage']]) {
    const done = await run({ program: 'make', args: ['-s', ...args], cwd: tree });
    if (done.status !== 0) return 125;
  }
  const built = Date.now();
  const machine = ['-nodefaults', '-no-reboot', '-display', 'none', '-serial', 'stdio', '-m', '256M'];
  const kernel = ['-kernel', join(tree, 'arch/x86/boot/bzImage'), '-initrd', initramfs];
  const args = [...machine, '-accel', accelerator, ...kernel, '-append', 'console=ttyS0 panic=-1'];
  const { stdout } = await run({ program: 'qemu-system-x86_64', args, timeoutMs: 60_000 });
  const shown = /^manual: (PASS|FAIL)/m.exec(stdout.toString('latin1'))?.[1] ?? 'nothing';
  await appendFile(
    log,
    `${JSON.stringify({ build: (built - began) / 1000, boot: (Date.now() - built) / 1000, shown })}\n`,
  );
  return shown === 'PASS' ? 0 : shown === 'FAIL' ? 1 : 125;
}

if (process.argv[1] === import.meta.filename) {
  const settings = JSON.parse(await readFile(process.argv[2] ?? '', 'utf8')) as ManualSettings;
  process.exit(await manualStep(settings));
}
