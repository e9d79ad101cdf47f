import { once } from 'node:events';
import { mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { basename, delimiter, join } from 'node:path';
import { ACTIONS, HASH_BYTES } from '@kbisect/shared/cache/disk-action-cache';
import { ActionResult } from '@kbisect/shared/gen/build/bazel/remote/execution/v2/remote_execution';
import { killGroup, startProcess } from '@kbisect/shared/process';
import { Farm, kbisect } from '../../demo/kbisect.js';
import { figuresOf, type Build } from './job-events.js';
import type { Question } from './question.js';

/** Another agent of the farm, which begins with nothing. */
export interface Elsewhere {
  readonly name: string;
  readonly workdir: string;
  /** Whether it uses what the farm's other agents have compiled. */
  readonly ccache: boolean;
  /** It stops after so many builds. */
  readonly builds: number;
}

/**
 * Builds commits of a question again, on another agent in another directory, with a recipe that differs in a remark, by a farm
 * that was made to forget its images and has its objects.
 */
export async function buildElsewhere(
  { repository, good, bad, fragment, reproducer }: Question,
  state: string,
  { name, workdir, ccache, builds }: Elsewhere,
  say: (line: string) => void,
): Promise<readonly Build[]> {
  await rm(workdir, { recursive: true, force: true });
  await mkdir(workdir, { recursive: true });
  const remark = join(workdir, `${name}.config`);
  await writeFile(remark, `# ${name}, built ${new Date().toISOString()}\n`);
  // Without a ccache, what others have made in their trees is not used either.
  await forget(join(state, 'cache', ACTIONS), ccache ? ['image'] : ['image', 'products']);
  const farm = await Farm.coordinator(state, say);
  const path = ccache ? process.env['PATH'] : await pathWithoutCcache(join(workdir, 'bin'));
  const command = kbisect([
    '--coordinator',
    farm.address,
    'agent',
    '--name',
    name,
    '--workdir',
    join(workdir, 'work'),
  ]);
  const agent = startProcess({ ...command, env: { ...process.env, PATH: path } }, [
    'ignore',
    'ignore',
    'inherit',
  ]);
  const gone = once(agent, 'close');
  try {
    await farm.cancelUnfinished();
    const ends = ['--repo', repository, '--good', good, '--bad', bad];
    const test = ['--config-fragment', fragment, remark, '--reproducer', reproducer];
    const job = (await farm.text(['bisect', ...ends, ...test, '--no-certify', '--detach'])).trim();
    const figures = await figuresOf(farm.address, job, builds);
    await farm.cancelUnfinished();
    return figures.builds;
  } finally {
    killGroup(agent, 'SIGTERM');
    await gone;
    await farm.stop();
  }
}

/** Removes the results with such files from a coordinator's actions; what ccache has put there stays. */
async function forget(actions: string, names: readonly string[]): Promise<void> {
  for (const name of await readdir(actions)) {
    const path = join(actions, name);
    const result = ActionResult.decode((await readFile(path)).subarray(HASH_BYTES));
    if (result.outputFiles.some(({ path }) => names.includes(basename(path)))) await rm(path);
  }
}

/** All programs of this machine but ccache. */
async function pathWithoutCcache(directory: string): Promise<string> {
  await mkdir(directory);
  for (const place of (process.env['PATH'] ?? '').split(delimiter)) {
    for (const name of await readdir(place).catch(() => [])) {
      if (name !== 'ccache') await symlink(join(place, name), join(directory, name)).catch(() => undefined);
    }
  }
  return directory;
}
