import { mkdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { digestOfFile } from '@kbisect/shared/digest';
import type { BlobRef } from '@kbisect/shared/gen/kbisect/v1/job';
import type { Mirror } from '../source/mirror.js';
import { Worktree } from '../source/worktree.js';
import type { Artifacts } from './artifacts.js';
import { BuildTrees } from './build-trees.js';

/** Room for one task at a time: a directory of its own, with worktrees that stay from task to task. */
export class Slot {
  /** For `--run` jobs, whose commands do there what they like. */
  readonly worktree: Worktree;

  private constructor(
    readonly directory: string,
    readonly mirror: Mirror,
    readonly artifacts: Artifacts,
    readonly builds: BuildTrees,
  ) {
    this.worktree = new Worktree(mirror, join(directory, 'tree'));
  }

  static async open(directory: string, mirror: Mirror, artifacts: Artifacts): Promise<Slot> {
    await mkdir(directory, { recursive: true });
    return new Slot(directory, mirror, artifacts, await BuildTrees.open(directory, mirror));
  }

  /** Downloads a blob to a file of this slot, unless the file is that blob already. */
  async fetch(blob: BlobRef, path: string, signal: AbortSignal): Promise<void> {
    const size = await stat(path).then(
      (found) => found.size,
      () => -1,
    );
    if (size === blob.size && (await digestOfFile(path)).digest === blob.digest) return;
    await this.artifacts.download(blob, path, signal);
  }

  /** A small blob as text. */
  async text(blob: BlobRef, signal: AbortSignal): Promise<string> {
    const path = join(this.directory, 'text');
    await this.artifacts.download(blob, path, signal);
    return readFile(path, 'utf8');
  }
}
