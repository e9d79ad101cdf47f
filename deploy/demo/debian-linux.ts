import { mkdir, access } from 'node:fs/promises';
import { join } from 'node:path';
import { makeHistory, readHistory, type History } from './history.js';
import { bringSourcePackage } from './source-package.js';

/**
 * Debian 12's Linux 6.1 as a git history, upstream first and then patch by patch: made in `directory`, or found there.
 * What was begun and not finished is begun again.
 */
export async function debianLinux(directory: string, say: (line: string) => void): Promise<History> {
  const repository = join(directory, 'linux.git');
  if (await exists(repository)) return readHistory(repository);
  await mkdir(directory, { recursive: true });
  const source = await bringSourcePackage(directory, 'linux', '6.1.', say);
  return makeHistory(repository, source, say);
}

/** Where that history is kept: `$KBISECT_DEMO_DIR`, or a folder of the clone that git does not see. */
export function demoDirectory(): string {
  return process.env['KBISECT_DEMO_DIR'] ?? join(clone, '.kbisect/demo');
}

/** The clone's top; this file runs in deploy/dist/demo. */
export const clone = join(import.meta.dirname, '../../..');

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    return false;
  }
}
