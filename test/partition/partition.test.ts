import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { killGroup, run, runText, startProcess, type Completed } from '@kbisect/shared/process';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { Cable } from './cable.js';

const PROGRAM = join(import.meta.dirname, '../../coordinator/bin/kbisect.js');
const LEASE_SECONDS = 6;
const LAST = 24;
const CULPRIT = 17;
const PATIENCE = { timeout: 60_000, interval: 300 };

const possible = await Cable.isPossible();
if (!possible) console.warn('skipped: network namespaces need root and iproute2');

describe.skipIf(!possible)('an agent in another network', () => {
  const cable = new Cable();
  const children: ChildProcess[] = [];
  let directory: string;
  let coordinator: string;
  let repo: string;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'kbisect-partition-'));
    await cable.lay();
    await writeFile(
      join(directory, 'config.json'),
      JSON.stringify({ leaseSeconds: LEASE_SECONDS, heartbeatSeconds: 1 }),
    );
    const doors = ['--listen', `${cable.address}:0`, '--http', `${cable.address}:0`];
    const state = ['--state', join(directory, 'kbisect'), '--config', join(directory, 'config.json')];
    const child = startProcess(command(['coordinator', ...doors, ...state]), ['ignore', 'pipe', 'ignore']);
    children.push(child);
    const [line] = (await once(createInterface({ input: child.stdout! }), 'line')) as [string];
    coordinator = /gRPC (\S+),/.exec(line)?.[1] ?? '';
    await startAgent('near');
    await startAgent('far');
    repo = await makeRepository(join(directory, 'repo'));
  });
  afterAll(async () => {
    for (const child of children) {
      const closed = once(child, 'close');
      killGroup(child);
      await closed;
    }
    await cable.remove();
    await rm(directory, { recursive: true, force: true, maxRetries: 10 });
  });

  function command(args: readonly string[]) {
    return { program: process.execPath, args: [PROGRAM, ...args], env: environment() };
  }

  /** As whoever owns the coordinator's state. */
  function environment() {
    return { ...process.env, XDG_STATE_HOME: directory, XDG_CONFIG_HOME: join(directory, 'config') };
  }

  async function kbisect(...args: string[]): Promise<Completed> {
    return run(command(['--coordinator', coordinator, ...args]));
  }

  async function startAgent(name: string): Promise<void> {
    const made = await kbisect('token', 'create', '--role', 'agent');
    const token = made.stdout.toString('utf8').trim();
    const args = [PROGRAM, '--coordinator', coordinator, 'agent', '--name', name, '--token', token];
    args.push('--workdir', join(directory, name));
    const { program, args: whole } =
      name === 'far' ? cable.there(process.execPath, args) : { program: process.execPath, args };
    children.push(startProcess({ program, args: whole, env: environment() }, ['ignore', 'ignore', 'ignore']));
    const isThere = async () => expect((await kbisect('agents')).stdout.toString('utf8')).toContain(name);
    await vi.waitFor(isThere, { timeout: 100_000, interval: 500 });
  }

  async function far(): Promise<{ readonly state: string; readonly work: object[] } | undefined> {
    const listed = (await kbisect('agents', '--json')).stdout.toString('utf8');
    const { agents } = JSON.parse(listed) as { agents: { name: string; state: string; work: object[] }[] };
    return agents.find(({ name }) => name === 'far');
  }

  /** Bisects while something happens, and gives what came of it and what was told meanwhile. */
  async function bisect(meanwhile: () => Promise<void>): Promise<string> {
    const test = `sleep 2; test "$(cat number)" -lt ${CULPRIT}`;
    const options = ['--repo', repo, '--good', 'c0', '--bad', 'main', '--run', test];
    const [done] = await Promise.all([kbisect('bisect', ...options), meanwhile()]);
    return done.stdout.toString('utf8');
  }

  it('finds the same culprit as ever when it is cut off for longer than its lease, and works on when it is back', async () => {
    const said = await bisect(async () => {
      await vi.waitFor(async () => expect(await far()).toMatchObject({ work: [{}] }), PATIENCE);
      await cable.pull();
      await delay(1000 * (LEASE_SECONDS + 6));
      expect((await far())?.state).not.toBe('connected');
      await cable.plug();
    });
    expect(said).toContain(`c${CULPRIT}`);
    await vi.waitFor(async () => expect((await far())?.state).toBe('connected'), PATIENCE);
    expect(await bisect(() => Promise.resolve())).toContain(`c${CULPRIT}`);
  });

  it('finds the same culprit over a slow link', async () => {
    await cable.slow('200kbit');
    expect(await bisect(() => Promise.resolve())).toContain(`c${CULPRIT}`);
  });
});

/** A history in which the number in a file grows with each commit. */
async function makeRepository(path: string): Promise<string> {
  const git = async (...args: string[]) =>
    runText({
      program: 'git',
      args: ['-C', path, '-c', 'user.name=k', '-c', 'user.email=k@example.org', ...args],
    });
  await runText({ program: 'git', args: ['init', '--quiet', '--initial-branch=main', path] });
  for (let n = 0; n <= LAST; n++) {
    await writeFile(join(path, 'number'), `${n}\n`);
    await git('add', 'number');
    await git('commit', '--quiet', '-m', `c${n}`);
    await git('tag', `c${n}`);
  }
  return path;
}
