import { statfs } from 'node:fs/promises';

/** Bytes of the disk that are free for us where a directory is. */
export async function roomIn(directory: string): Promise<number> {
  const { bavail, bsize } = await statfs(directory);
  return bavail * bsize;
}
