import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runText } from '@kbisect/shared/process';
import { parseCommandFile, type CommandFile } from './command-file.js';

/** One that was read, and how it stood then. */
interface Known {
  readonly changed: string;
  readonly size: string;
  readonly file: CommandFile;
}

/**
 * The `.cmd` files of a tree. Each names hundreds of headers, and a build writes few of them anew: those that are as they were
 * are not read again.
 */
export class CommandFiles {
  #known = new Map<string, Known>();
  /** Each path once, however many files name it. */
  readonly #paths = new Map<string, string>();

  /**
   * @param began when the last build began, in ms of the file system's clock
   * @returns all of them, by their paths, and how many of them stand for something that was compiled since then
   */
  async read(
    tree: string,
    began: number,
    signal: AbortSignal,
  ): Promise<{ files: CommandFile[]; compiled: number }> {
    const show = ['-printf', '%P\\t%T@\\t%s\\0'];
    const args = ['.', '-path', './.git', '-prune', '-o', '-name', '.*.cmd', '-type', 'f', ...show];
    const found = await runText({ program: 'find', args, cwd: tree, signal });
    const now = new Map<string, Known>();
    let compiled = 0;
    for (const line of found.split('\0').sort()) {
      const [path = '', changed = '', size = ''] = line.split('\t');
      if (path === '') continue;
      let known = this.#known.get(path);
      if (known?.changed !== changed || known.size !== size) {
        const file = parseCommandFile(path, await readFile(join(tree, path), 'utf8'));
        known = { changed, size, file: this.#shared(file) };
      }
      now.set(path, known);
      if (known.file.needs.length > 0 && 1000 * Number(changed) >= began) compiled++;
    }
    this.#known = now;
    return { files: [...now.values()].map(({ file }) => file), compiled };
  }

  #shared(file: CommandFile): CommandFile {
    const all = (paths: readonly string[]) => paths.map((path) => this.#once(path));
    const { target, needs, includePlaces, words } = file;
    return { target, needs: all(needs), includePlaces: all(includePlaces), words: all(words) };
  }

  #once(path: string): string {
    const known = this.#paths.get(path);
    if (known !== undefined) return known;
    this.#paths.set(path, path);
    return path;
  }
}
