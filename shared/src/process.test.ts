import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { run, runText, startProcess } from './process.js';

describe('run', () => {
  it('gives output and status, whatever the status', async () => {
    const done = await run({ program: 'sh', args: ['-c', 'echo out; echo err >&2; exit 3'] });
    expect(done).toMatchObject({ status: 3, stderr: 'err\n', timedOut: false });
    expect(done.stdout.toString()).toBe('out\n');
  });

  it('names a program that is not installed', async () => {
    await expect(run({ program: 'no-such-program', args: [] })).rejects.toMatchObject({
      code: 'missing-tool',
      message: expect.stringContaining('no-such-program') as string,
    });
  });

  it('kills the grandchildren too when it is cancelled', async () => {
    const abort = new AbortController();
    let grandchild = '';
    const running = run({
      program: 'sh',
      args: ['-c', 'sleep 1000 & echo $!; wait'],
      signal: abort.signal,
      onOutput: (chunk) => {
        grandchild = chunk.toString().trim();
        abort.abort();
      },
    });
    await expect(running).rejects.toMatchObject({ code: 'cancelled' });
    await expect.poll(() => stateOf(grandchild)).toMatch(/gone|Z/);
  });

  it('leaves nothing of its group behind when the program has ended', async () => {
    const pid = await runText({ program: 'sh', args: ['-c', 'sleep 1000 >/dev/null 2>&1 & echo $!'] });
    await expect.poll(() => stateOf(pid)).toMatch(/gone|Z/);
  });

  it('ends a program that runs too long', async () => {
    const done = await run({ program: 'sleep', args: ['1000'], timeoutMs: 50 });
    expect(done).toMatchObject({ status: null, timedOut: true });
  });

  it('ends a program that prints too much', async () => {
    await expect(run({ program: 'yes', args: [], maxOutput: 10_000 })).rejects.toMatchObject({
      code: 'resource-exhausted',
    });
  });

  it('feeds standard input, and minds not when nobody reads it', async () => {
    expect(await runText({ program: 'cat', args: [], input: 'hello' })).toBe('hello');
    expect(await runText({ program: 'true', args: [], input: 'x'.repeat(1_000_000) })).toBe('');
  });
});

describe('startProcess', () => {
  it('dies with its parent, and so does all that it started, even when the parent is killed outright', async () => {
    const script = `
      import { startProcess } from ${JSON.stringify(new URL('../dist/process.js', import.meta.url).href)};
      const tree = ['-c', 'sleep 1000 & echo $$ $!; wait'];
      const child = startProcess({ program: 'sh', args: tree }, ['ignore', 'pipe', 'ignore']);
      child.stdout.pipe(process.stdout);
      setInterval(() => {}, 1000);`;
    const parent = startProcess({ program: process.execPath, args: ['--input-type=module', '-e', script] }, [
      'ignore',
      'pipe',
      'inherit',
    ]);
    const pids = await new Promise<string[]>((resolve) =>
      parent.stdout?.once('data', (chunk: Buffer) => resolve(chunk.toString().trim().split(' '))),
    );
    parent.kill('SIGKILL');
    for (const pid of pids) await expect.poll(() => stateOf(pid)).toMatch(/gone|Z/);
  });

  it('does not let a program begin whose parent is killed before the reaper knows of it', async () => {
    const dist = (name: string) => JSON.stringify(new URL(`../dist/${name}.js`, import.meta.url).href);
    const script = `
      import { groupReaper } from ${dist('group-reaper')};
      import { startProcess } from ${dist('process')};
      groupReaper.watch = () => {
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
        process.kill(process.pid, 'SIGKILL');
      };
      startProcess({ program: 'echo', args: ['it has begun'] }, ['ignore', 'inherit', 'inherit']);`;
    const done = await run({ program: process.execPath, args: ['--input-type=module', '-e', script] });
    expect(done).toMatchObject({ signal: 'SIGKILL', stderr: '' });
    expect(done.stdout.toString()).toBe('');
  });
});

/** A process's state letter, or `gone`. */
async function stateOf(pid: string): Promise<string> {
  try {
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    return /^State:\s+(\S)/m.exec(status)?.[1] ?? 'gone';
  } catch {
    return 'gone';
  }
}
