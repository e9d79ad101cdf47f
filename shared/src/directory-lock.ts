import { once } from 'node:events';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { KbisectError } from './errors.js';
import { killGroup, startProcess } from './process.js';

/** A directory that is ours until it is closed or this process dies. */
export interface DirectoryLock {
  close(): Promise<void>;
}

/**
 * Takes a directory for this process alone. The lock is the kernel's (flock), held by a small child that dies
 * with us, so that a killed owner leaves no lock behind.
 * @throws KbisectError `failed-precondition` when another process has it
 */
export async function lockDirectory(directory: string): Promise<DirectoryLock> {
  const path = join(directory, 'lock');
  await (await open(path, 'a')).close();
  const child = startProcess(
    {
      program: 'flock',
      args: ['--nonblock', '--no-fork', path, 'sh', '-c', 'echo locked; exec sleep infinity'],
    },
    ['ignore', 'pipe', 'ignore'],
  );
  const closed = once(child, 'close');
  const answer = await Promise.race([once(child.stdout!, 'data').then(() => 'locked' as const), closed]);
  if (answer !== 'locked') {
    throw new KbisectError('failed-precondition', `${directory} is in use by another kbisect process`);
  }
  child.unref();
  return {
    async close() {
      child.ref(); // or nothing might be left that keeps this process waiting
      killGroup(child);
      await closed;
    },
  };
}
