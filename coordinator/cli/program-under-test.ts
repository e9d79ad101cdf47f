import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { killGroup, run, runText, startProcess, type Completed } from '@kbisect/shared/process';

// The real program as other processes, for the tests of the command line.

const PROGRAM = fileURLToPath(new URL('../bin/kbisect.js', import.meta.url));

export interface Ran extends Omit<Completed, 'stdout'> {
  readonly stdout: string;
}

/** Runs `kbisect` to its end. */
export async function kbisect(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ran> {
  const done = await run({
    program: process.execPath,
    args: [PROGRAM, ...args],
    env: { ...process.env, ...env },
    timeoutMs: 100_000,
  });
  return { ...done, stdout: done.stdout.toString('utf8') };
}

/** A `kbisect` that runs on. */
export class Running {
  readonly child: ChildProcess;
  stdout = '';
  stderr = '';
  readonly #closed: Promise<unknown[]>;

  constructor(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    const command = { program: process.execPath, args: [PROGRAM, ...args], env: { ...process.env, ...env } };
    this.child = startProcess(command, ['ignore', 'pipe', 'pipe']);
    this.child.stdout?.on('data', (chunk: Buffer) => (this.stdout += chunk.toString('utf8')));
    this.child.stderr?.on('data', (chunk: Buffer) => (this.stderr += chunk.toString('utf8')));
    this.#closed = once(this.child, 'close');
  }

  /** Waits until its standard output shows the pattern. */
  async shows(pattern: RegExp): Promise<RegExpExecArray> {
    return this.#waitFor(pattern, 'stdout');
  }

  /** Waits until its standard error shows the pattern. */
  async says(pattern: RegExp): Promise<RegExpExecArray> {
    return this.#waitFor(pattern, 'stderr');
  }

  async #waitFor(pattern: RegExp, stream: 'stdout' | 'stderr'): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(this[stream]);
      if (found) return found;
      const more = await Promise.race([once(this.child[stream]!, 'data'), this.#closed.then(() => 'closed')]);
      if (more === 'closed' && !pattern.test(this[stream])) {
        throw new Error(`it ended without showing ${pattern.source}:\n${this.stdout}${this.stderr}`);
      }
    }
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    if (this.child.exitCode === null && this.child.signalCode === null) killGroup(this.child, signal);
    return this.ended();
  }

  async ended(): Promise<number | null> {
    const [status] = (await this.#closed) as [number | null];
    return status;
  }
}

/** A folder for one test file, and how to be rid of it. */
export async function temporaryFolder(): Promise<{ path: string; remove: () => Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'kbisect-cli-'));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

/** A repository of so many commits in a row, tagged v1, v2, ...; `number` holds the number of the commit. */
export async function repositoryOf(directory: string, commits: number): Promise<void> {
  const name = (mark: number) => `refs/tags/v${mark}`;
  const who = 'A U Thor <author@example.com>';
  const stream: string[] = [];
  for (let mark = 1; mark <= commits; mark += 1) {
    const subject = `change ${mark}`;
    const text = `${mark}\n`;
    stream.push(`commit refs/heads/main`, `mark :${mark}`, `committer ${who} ${1_700_000_000 + mark} +0000`);
    stream.push(`data ${subject.length}`, subject, 'M 100644 inline number', `data ${text.length}`, text);
    stream.push(`reset ${name(mark)}`, `from :${mark}`, '');
  }
  await runText({ program: 'git', args: ['init', '--quiet', '-b', 'main', '--', directory] });
  await runText({
    program: 'git',
    args: ['-C', directory, 'fast-import', '--quiet'],
    input: stream.join('\n'),
  });
}

/** The commit id of a revision. */
export async function commitOf(directory: string, revision: string): Promise<string> {
  return runText({ program: 'git', args: ['-C', directory, 'rev-parse', `${revision}^{commit}`] });
}

/** The ids of the processes whose command line has the text. */
export async function processesWith(text: string): Promise<number[]> {
  const found: number[] = [];
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    // A process may end while we look.
    const args = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '');
    if (args.replaceAll('\0', ' ').includes(text)) found.push(Number(name));
  }
  return found;
}
