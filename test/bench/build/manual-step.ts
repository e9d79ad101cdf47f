/**
 * What a careful developer gives to `git bisect run`: build the checkout in place, boot it, exit with what it showed.
 *
 *   node manual-step.js SETTINGS
 */
import { randomBytes } from 'node:crypto';
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { archOf } from '@kbisect/agent/boot/arch';
import { boot } from '@kbisect/agent/boot/qemu';
import type { Accelerator } from '@kbisect/agent/boot/arch';
import { run } from '@kbisect/shared/process';

/** What stays the same over all steps. */
export interface ManualSettings {
  readonly tree: string;
  /** The whole .config, made once; each step runs `olddefconfig` on it. */
  readonly config: string;
  readonly initramfs: string;
  readonly accelerator: Accelerator;
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
  const arch = archOf('x86_64')!;
  const { outcome } = await boot({
    arch,
    image: join(tree, arch.image),
    initramfs,
    accelerator,
    timeoutSeconds: 60,
    nonce: randomBytes(8).toString('hex'),
    consolePath: join(tree, '../console'),
    signal: new AbortController().signal,
    onConsole: () => undefined,
  });
  const shown = outcome.kind?.$case ?? 'nothing';
  await appendFile(
    log,
    `${JSON.stringify({ build: (built - began) / 1000, boot: (Date.now() - built) / 1000, shown })}\n`,
  );
  return shown === 'pass' ? 0 : shown === 'fail' ? 1 : 125;
}

if (process.argv[1] === import.meta.filename) {
  const settings = JSON.parse(await readFile(process.argv[2] ?? '', 'utf8')) as ManualSettings;
  process.exit(await manualStep(settings));
}
