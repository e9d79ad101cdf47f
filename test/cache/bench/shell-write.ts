import { mkdir, rm } from 'node:fs/promises';
import { runText } from '@kbisect/shared/process';
import type { FileBlob } from './main.js';

/** Seconds that the shell's own way takes to check files and to have them durable elsewhere. */
export async function shellWrite(files: readonly FileBlob[], folder: string): Promise<number> {
  await mkdir(folder);
  const paths = files.map(({ path }) => path);
  const started = performance.now();
  await runText({ program: 'sha256sum', args: ['--', ...paths] });
  await runText({ program: 'cp', args: ['--', ...paths, folder] });
  await runText({
    program: 'sync',
    args: ['--', ...paths.map((path) => path.replace(/^.*\//, `${folder}/`)), folder],
  });
  const seconds = (performance.now() - started) / 1000;
  await rm(folder, { recursive: true });
  return seconds;
}
