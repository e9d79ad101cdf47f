import { randomUUID } from 'node:crypto';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { KbisectError, systemCode } from '../errors.js';

/**
 * Puts a small file in its place whole or not at all, surviving the loss of power.
 * @param temporaryDirectory on the same file system
 * @param mode who may read and write it
 */
export async function writeDurably(
  path: string,
  bytes: Uint8Array,
  temporaryDirectory: string,
  mode = 0o666,
): Promise<void> {
  const temporary = join(temporaryDirectory, randomUUID());
  try {
    const file = await open(temporary, 'wx', mode);
    try {
      await file.writeFile(bytes);
      await file.datasync();
    } finally {
      await file.close();
    }
    await mkdir(dirname(path), { recursive: true });
    await rename(temporary, path);
    await syncDirectory(dirname(path));
  } catch (error) {
    await rm(temporary, { force: true });
    throw fullDisk(error, path);
  }
}

/** Puts a file of secrets in its place so, read by nobody else. */
export async function writePrivately(path: string, text: string): Promise<void> {
  await writeDurably(path, Buffer.from(text), dirname(path), 0o600);
}

/** A rename is durable only when the directory is. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** Turns the system's word for a full disk into ours; any other error is given back as it is. */
export function fullDisk(error: unknown, what: string): unknown {
  const code = systemCode(error);
  if (code !== 'ENOSPC' && code !== 'EDQUOT') return error;
  return new KbisectError(
    'resource-exhausted',
    `the cache's disk is full, ${what} was not written; free some space`,
    {
      cause: error,
    },
  );
}
