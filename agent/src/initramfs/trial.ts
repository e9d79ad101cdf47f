import { appendFile, copyFile, readFile } from 'node:fs/promises';
import { writeCpio } from './cpio.js';

/** Where the harness is in the guest: the kernel's `rdinit=`. */
export const RDINIT = '/.kbisect/init';

/** What the harness is told of one boot. */
export interface Trial {
  /** Marks the harness's lines: a secret of this boot, which nothing else in the guest gets to know. */
  readonly nonce: string;
  /** Limit of all runs of the test together. */
  readonly timeoutSeconds: number;
  /** Runs of the test. */
  readonly repeat: number;
  /** Absolute paths and names of modules. */
  readonly needs: readonly string[];
  /** Paths in the guest of modules that are loaded first, in this order. */
  readonly modules: readonly string[];
  /** Whether the first virtio disk is the test's root file system. */
  readonly onDisk: boolean;
}

/** Settings of the harness: a word and its value on each line. */
export function settings(lines: readonly (readonly [string, string | number])[]): Buffer {
  return Buffer.from(lines.map(([word, value]) => `${word} ${value}\n`).join(''));
}

/** What the harness reads of one boot, as `.kbisect/trial`. */
export function trialSettings(trial: Trial): Buffer {
  return settings([
    ['nonce', trial.nonce],
    ['timeout', trial.timeoutSeconds],
    ['repeat', trial.repeat],
    ...trial.needs.map((need) => ['need', need] as const),
    ...trial.modules.map((module) => ['module', module] as const),
    ...(trial.onDisk ? [['disk', ''] as const] : []),
  ]);
}

/**
 * Makes the initramfs of one boot: the kernel unpacks archives that stand one behind the other.
 * @param parts paths of uncompressed cpio archives
 * @param path the file that is written
 */
export async function writeTrialInitramfs(
  parts: readonly [string, ...string[]],
  trial: Trial,
  path: string,
): Promise<void> {
  const bytes = trialSettings(trial);
  const [first, ...rest] = parts;
  await copyFile(first, path);
  for (const part of rest) await appendFile(path, await readFile(part));
  await appendFile(path, writeCpio([{ kind: 'file', path: '.kbisect/trial', executable: false, bytes }]));
}
