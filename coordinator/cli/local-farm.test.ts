import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runText } from '@kbisect/shared/process';
import {
  commitOf,
  kbisect,
  processesWith,
  repositoryOf,
  Running,
  temporaryFolder,
} from './program-under-test.js';

// The whole program: a coordinator and agents as processes, and jobs that need no kernel.

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let repo: string;
/** What the program's own temporary folders are made in. */
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  folder = await temporaryFolder();
  repo = join(folder.path, 'repo');
  await repositoryOf(repo, 40);
  env = { TMPDIR: folder.path };
});
afterAll(() => folder.remove());

const run = ['--run', 'test $(cat number) -lt 23'];

describe('bisect --local', () => {
  it('names the culprit, with its subject, and leaves nothing behind', async () => {
    const { stdout, stderr, status } = await kbisect(
      ['bisect', '--repo', repo, '--good', 'v1', '--bad', 'v40', ...run, '--local', '--json'],
      env,
    );
    expect(stderr).toBe('');
    const lines = stdout.trim().split('\n');
    expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({
      state: 'found',
      culprit: { commit: await commitOf(repo, 'v23'), subject: 'change 23' },
    });
    expect(stdout).toMatch(/ bad change 23/);
    expect(status).toBe(0);
    expect(await readdir(folder.path)).toEqual(['repo']);
    expect(await processesWith(folder.path)).toEqual([]);
  });

  it('looks for a fix in the words of a fix', async () => {
    // As in git bisect run, exit status 0 is the older behaviour, here: broken.
    const { stdout, status } = await kbisect(
      ['bisect', '--repo', repo, '--broken', 'v1', '--fixed', 'v40', ...run, '--local', '--agents', '1'],
      env,
    );
    expect(stdout).toContain(`${await commitOf(repo, 'v23')} is the first fixed commit\n    change 23\n`);
    expect(status).toBe(0);
  });

  it('ends with status 3 when the ends do not differ', async () => {
    const { stdout, status } = await kbisect(
      ['bisect', '--repo', repo, '--good', 'v1', '--bad', 'v40', '--run', 'true', '--local', '--json'],
      env,
    );
    expect(JSON.parse(stdout.trim().split('\n').at(-1) ?? '')).toMatchObject({
      state: 'no-difference',
      culprit: null,
    });
    expect(status).toBe(3);
  });

  it('cancels the job and stops every process when it is interrupted', async () => {
    const marker = '86399.5';
    const args = ['--good', 'v1', '--bad', 'v40', '--run', `sleep ${marker}`, '--local'];
    const running = new Running(['bisect', '--repo', repo, ...args], env);
    await running.shows(/tests [0-9a-f]{12}[^]*tests [0-9a-f]{12}/);
    expect(await running.stop('SIGINT')).toBe(3);
    expect(running.stdout).toMatch(/^cancelled/m);
    expect(await processesWith(`sleep ${marker}`)).toEqual([]);
    expect(await processesWith(folder.path)).toEqual([]);
    expect(await readdir(folder.path)).toEqual(['repo']);
  });

  it('leaves no process when it is killed', async () => {
    const marker = '86399.25';
    const args = ['--good', 'v1', '--bad', 'v40', '--run', `sleep ${marker}`, '--local'];
    const running = new Running(['bisect', '--repo', repo, ...args], env);
    await running.shows(/tests [0-9a-f]{12}/);
    await running.stop('SIGKILL');
    await expect.poll(() => processesWith(folder.path)).toEqual([]);
    await expect.poll(() => processesWith(`sleep ${marker}`)).toEqual([]);
  });

  it('shows itself live on a terminal', async () => {
    const words = [
      ...[process.execPath, fileURLToPath(new URL('../bin/kbisect.js', import.meta.url))],
      ...['bisect', '--repo', repo, '--good', 'v1', '--bad', 'v40', '--local', ...run],
    ];
    const command = `stty rows 24 cols 80; ${words.map((word) => `'${word}'`).join(' ')}`;
    const shown = await runText({
      program: 'script',
      args: ['--quiet', '--return', '--flush', '--command', command, '/dev/null'],
      env: { ...process.env, ...env, TERM: 'xterm-256color' },
    });
    const text = stripVTControlCharacters(shown);
    expect(text).toMatch(/█░* .*\d+ of 39 candidates left/);
    expect(text).toMatch(/agent-[12] .*(running|starting|checkout|fetching)/);
    expect(shown).toContain('\u001b[?25l'); // the cursor is hidden
    expect(shown).toContain('\u001b[?25h'); // and comes back
    expect(text).toMatch(/^[0-9a-f]{40} is the first bad commit\r?$/m);
  });
});

describe('up', () => {
  it('is a farm of a coordinator and agents until it is interrupted', async () => {
    const state = join(folder.path, 'farm');
    const ports = ['--listen', '127.0.0.1:0', '--http', '127.0.0.1:0'];
    const farm = new Running(['up', '--agents', '2', '--state', state, ...ports], env);
    const [, address] = await farm.shows(/^kbisect farm: gRPC (\S+), HTTP \S+, 2 agents/m);
    const at = { KBISECT_COORDINATOR: address };
    expect((await kbisect(['agents'], at)).stdout).toMatch(/^agent-1 +connected[^]*^agent-2 +connected/m);

    const job = await kbisect(['bisect', '--repo', repo, '--good', 'v1', '--bad', 'v40', ...run], at);
    expect(job.stdout).toContain('is the first bad commit');
    const [, id = ''] = /^job (\S+):/m.exec(job.stdout) ?? [];
    const again = await kbisect(['watch', id], at);
    expect(again.stdout).toContain('is the first bad commit');
    expect(again.status).toBe(0);
    const out = await kbisect(['console', id, (await commitOf(repo, 'v40')).slice(0, 12)], at);
    expect(out.stderr).toMatch(/^--- trial 1 of 1, [0-9a-f]{12}: /);

    const second = await kbisect(['up', '--state', state, ...ports], env);
    expect(second.stderr).toMatch(/is in use by another kbisect process/);
    expect(second.status).toBe(1);

    expect(await farm.stop('SIGTERM')).toBe(0);
    expect(await processesWith(state)).toEqual([]);
  });

  it('starts an agent again that was killed', async () => {
    const state = join(folder.path, 'mended');
    const ports = ['--listen', '127.0.0.1:0', '--http', '127.0.0.1:0'];
    const farm = new Running(['up', '--agents', '1', '--state', state, ...ports], env);
    await farm.shows(/^kbisect farm:/m);
    const workdir = join(state, 'agents', 'agent-1');
    const agents = () => processesWith(workdir);
    const [killed = 0] = await agents();
    process.kill(killed, 'SIGKILL');
    await farm.says(/agent-1 died: killed by SIGKILL/);
    await expect.poll(async () => (await agents()).filter((pid) => pid !== killed)).toHaveLength(1);
    expect(await farm.stop('SIGINT')).toBe(0);
  });

  it('ends with the words of its coordinator', async () => {
    const args = ['up', '--agents', '1', '--state', join(folder.path, 'x'), '--http', '127.0.0.1:0'];
    const { stderr, status } = await kbisect([...args, '--listen', '203.0.113.1:1'], env);
    expect(stderr).toMatch(/^kbisect: the coordinator ended: cannot serve gRPC on 203\.0\.113\.1:1: /);
    expect(status).toBe(1);
  });
});
