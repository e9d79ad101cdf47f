import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { runText } from '@kbisect/shared/process';
import type { Lab } from './lab.js';

/** Runs the script of a job's bundle in an empty directory, with a repository that has the commits; gives what it says. */
export async function reproduced(lab: Lab, job: string, repo: string): Promise<string[]> {
  const place = join(lab.directory, `reproduced-${job}`);
  await mkdir(join(place, 'empty'), { recursive: true });
  const archive = join(place, 'bundle.tar.zst');
  const done = await lab.kbisect('bundle', job, '-o', archive);
  if (done.status !== 0) throw new Error(done.stderr);
  await runText({ program: 'tar', args: ['--extract', '--zstd', '--file', archive, '-C', place] });
  const script = join(place, `kbisect-${job}`, 'reproduce.sh');
  return (await runText({ program: 'sh', args: [script, repo], cwd: join(place, 'empty') })).split('\n');
}
