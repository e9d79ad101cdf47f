import { once } from 'node:events';
import type { ChildProcess } from 'node:child_process';
import { KbisectError } from '@kbisect/shared/errors';
import { gitEnvironment } from '@kbisect/shared/git';
import { killGroup, startProcess } from '@kbisect/shared/process';

/** An author or committer, with the time as git writes it: seconds since the epoch and the zone. */
export interface Person {
  readonly name: string;
  readonly email: string;
  readonly when: string;
}

/** A file in a git tree; a symbolic link's content is its target. */
export interface TreeFile {
  readonly path: string;
  readonly mode: '100644' | '100755' | '120000';
  readonly content: Buffer;
}

/** `git fast-import` on one branch of a bare repository: commits one after the other, files within each. */
export class FastImport {
  private constructor(
    private readonly child: ChildProcess,
    private readonly branch: string,
    private readonly ended: Promise<unknown[]>,
  ) {}

  static start(directory: string, branch: string): FastImport {
    // The history is written once and read a few times on this machine: speed counts, not size.
    const settings = ['-c', 'core.compression=1', '-c', 'fastimport.unpackLimit=0'];
    const args = ['-C', directory, ...settings, 'fast-import', '--quiet', '--done', '--depth=0'];
    const child = startProcess({ program: 'git', args, env: gitEnvironment() }, [
      'pipe',
      'ignore',
      'inherit',
    ]);
    // Its exit status tells of a broken pipe better than the pipe does.
    child.stdin?.on('error', () => undefined);
    return new FastImport(child, branch, once(child, 'close'));
  }

  /** Begins the next commit; what `put` and `remove` say after it is what it changes. */
  commit(author: Person, committer: Person, message: string): void {
    this.write(`commit refs/heads/${this.branch}\n`);
    this.write(`author ${identity(author)}\ncommitter ${identity(committer)}\n`);
    this.data(Buffer.from(message));
  }

  put(file: TreeFile): void {
    this.write(`M ${file.mode} inline ${plain(file.path)}\n`);
    this.data(file.content);
  }

  remove(path: string): void {
    this.write(`D ${plain(path)}\n`);
  }

  /** A lightweight tag on the commit before. */
  tag(name: string): void {
    this.write(`reset refs/tags/${name}\nfrom refs/heads/${this.branch}\n\n`);
  }

  /** Resolves when git has taken in enough of what was written. */
  async drained(): Promise<void> {
    if (this.child.stdin?.writableNeedDrain)
      await Promise.race([once(this.child.stdin, 'drain'), this.ended]);
    if (this.child.exitCode !== null) await this.finish();
  }

  /** @throws KbisectError `command-failed` when git did not take it all. */
  async finish(): Promise<void> {
    this.child.stdin?.end('done\n');
    const [status] = await this.ended;
    if (status !== 0) throw new KbisectError('command-failed', `git fast-import failed: ${String(status)}`);
  }

  /** Ends git at once, if it has not ended; what it took in is lost. */
  abandon(): void {
    if (this.child.exitCode === null) killGroup(this.child);
  }

  private data(content: Buffer): void {
    this.write(`data ${content.length}\n`);
    this.child.stdin?.write(content);
    this.write('\n');
  }

  private write(text: string): void {
    this.child.stdin?.write(text);
  }
}

function identity({ name, email, when }: Person): string {
  return `${name.replace(/[<>\n]/g, '')} <${email.replace(/[<>\n]/g, '')}> ${when}`;
}

function plain(path: string): string {
  if (path.startsWith('"') || path.includes('\n')) {
    throw new KbisectError('invalid-argument', `a path that cannot be imported: ${JSON.stringify(path)}`);
  }
  return path;
}
