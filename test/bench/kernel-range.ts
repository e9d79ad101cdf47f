import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Git } from '@kbisect/shared/git';
import type { RangeQuery } from '@kbisect/coordinator/git-range';
import { makeKernelShape } from './kernel-shape.js';

/** A kernel history with the two ranges that are searched in it. */
export interface KernelRange {
  readonly git: Git;
  readonly name: string;
  /** Two releases: 10,393 commits. */
  readonly release: RangeQuery;
  /** All history: 234,165 commits. */
  readonly all: RangeQuery;
  remove(): Promise<void>;
}

/** Linux 2.6.37 and 2.6.38, which `KBISECT_BENCH_REPO` has (pugs/vfio-linux-2.6 does). */
const RELEASES = ['3c0eee3fe6a3', '521cb40b0c44'] as const;

/** The history in `KBISECT_BENCH_REPO`, or one of its shape where there is none. */
export async function kernelRange(): Promise<KernelRange> {
  const directory = process.env['KBISECT_BENCH_REPO'];
  if (directory) return rangeOf(await Git.open(directory), directory, RELEASES, () => Promise.resolve());
  const folder = await mkdtemp(join(tmpdir(), 'kbisect-bench-'));
  const git = await makeKernelShape(join(folder, 'repo'), 234_164, 10_393);
  return rangeOf(git, 'a history of its shape', ['old', 'new'], () => rm(folder, { recursive: true }));
}

async function rangeOf(
  git: Git,
  name: string,
  [old, neu]: readonly [string, string],
  remove: () => Promise<void>,
): Promise<KernelRange> {
  const query = { new: await git.resolveCommit(neu), firstParent: false, pathspecs: [] };
  return {
    git,
    name,
    release: { ...query, olds: [await git.resolveCommit(old)] },
    all: { ...query, olds: [] },
    remove,
  };
}
