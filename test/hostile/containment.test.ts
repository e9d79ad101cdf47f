import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { archOf } from '@kbisect/agent/boot/arch';
import { BuildTree } from '@kbisect/agent/build/build-tree';
import { configure } from '@kbisect/agent/build/configure';
import { buildKernel, type BuildRequest } from '@kbisect/agent/build/kbuild';
import { probeSandbox } from '@kbisect/agent/build/sandbox';
import { Mirror } from '@kbisect/agent/source/mirror';
import { Worktree } from '@kbisect/agent/source/worktree';
import { digestOf } from '@kbisect/shared/digest';
import type { KbisectError } from '@kbisect/shared/errors';
import { Git } from '@kbisect/shared/git';
import { commitId } from '@kbisect/shared/ids';
import { run } from '@kbisect/shared/process';
import { makeTinyHistory } from '../fixtures/tiny-history.js';
import { workbench } from '../fixtures/workbench.js';

// Kernel trees whose makefiles do what no makefile should: each is contained, reported as what it is, and the next build
// in the same place is as good as ever.

const arch = archOf('x86_64')!;
const never = new AbortController().signal;
const sandbox = await probeSandbox();
const contained = describe.skipIf(sandbox.kind === 'none');
const SECRET = 'the-secret-key';

let directory: string;
let keys: string;
let origin: Git;
let mirror: Mirror;
let trees = 0;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kbisect-contained-'));
  await makeTinyHistory(join(directory, 'origin'), [{ name: 'innocent' }]);
  origin = new Git(join(directory, 'origin'));
  mirror = await Mirror.open(join(directory, 'mirror'));
  // A key such as the agent's user may have, and one of the agent's own.
  keys = await mkdtemp(join(homedir(), '.kbisect-test-'));
  await writeFile(join(keys, 'id_ed25519'), SECRET);
  await mkdir(join(directory, 'identity'));
  await writeFile(join(directory, 'identity/key.pem'), SECRET);
});
afterAll(async () => {
  await rm(directory, { recursive: true, force: true });
  await rm(keys, { recursive: true });
});

/** Builds a commit whose image takes a recipe of the attacker's. */
async function buildWith(recipe: string, more: Partial<BuildRequest> = {}, place?: string) {
  const work = await mkdtemp(join(directory, 'work-'));
  const git = new Git(work);
  await git.text(['clone', '--quiet', origin.directory, '.']);
  const makefile = await readFile(join(work, 'Makefile'), 'utf8');
  const hostile = recipe
    .trim()
    .split('\n')
    .map((line) => `\t${line}\n`)
    .join('');
  await writeFile(
    join(work, 'Makefile'),
    `${makefile}\narch/x86/boot/bzImage: hostile\n.PHONY: hostile\nhostile:\n${hostile}`,
  );
  await git.text([
    '-c',
    'user.name=a',
    '-c',
    'user.email=a@example.com',
    'commit',
    '--quiet',
    '-a',
    '-m',
    'hostile',
  ]);
  const commit = await git.resolveCommit('HEAD');
  await mirror.git.text(['fetch', '--quiet', work, `HEAD:refs/kbisect/${commit}`]);
  await rm(work, { recursive: true });
  const tree = await BuildTree.open(new Worktree(mirror, place ?? join(directory, `tree-${++trees}`)));
  return { commit, ...(await build(tree, commit, more)) };
}

async function build(tree: BuildTree, commit: string, more: Partial<BuildRequest> = {}) {
  const logPath = join(directory, 'log');
  const signal = more.signal ?? never;
  await tree.checkout(
    { commit: commitId(commit), fixups: [], recipe: digestOf('recipe'), family: digestOf('family') },
    never,
  );
  const bench = await workbench(tree.directory, 'x86_64', { sandbox });
  let error: unknown;
  const outcome = await tree
    .build(async () => {
      await configure({ bench, base: undefined, profile: undefined, fragments: [], signal: never });
      const request = { bench, target: arch.target, jobs: 2, logPath, signal, onProgress: () => undefined };
      return buildKernel({ ...request, ...more });
    }, signal)
    .catch((thrown: unknown) => void (error = thrown));
  return { tree, outcome, error, log: await readFile(logPath, 'utf8') };
}

/** Processes that still do something of the attacker's. */
async function survivors(mark: string): Promise<string[]> {
  const found: string[] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const words = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (words.includes(mark) && Number(pid) !== process.pid) found.push(words.replaceAll('\0', ' '));
  }
  return found;
}

/** The agent is well: it builds an innocent commit where the hostile one was. */
async function expectHealthy(tree: BuildTree, more: Partial<BuildRequest> = {}): Promise<void> {
  const innocent = await origin.resolveCommit('main');
  await mirror.git.text(['fetch', '--quiet', origin.directory, `${innocent}:refs/kbisect/${innocent}`]);
  expect((await build(tree, innocent, more)).outcome).toEqual({ kind: 'built' });
}

contained('a build', () => {
  it("reads neither the user's keys nor the agent's", async () => {
    const { outcome, log, tree } = await buildWith(
      `cat ${join(keys, 'id_ed25519')} || cat ${join(directory, 'identity/key.pem')} || cat ~/.ssh/id_rsa /etc/shadow`,
    );
    expect(log).not.toContain(SECRET);
    expect(outcome).toMatchObject({
      kind: 'failed',
      firstError: expect.stringContaining('hostile') as string,
    });
    expect(log).toContain('No such file or directory');
    await expectHealthy(tree);
  });

  it('sees none of the agent but its tree, and no process of the machine', async () => {
    const { log } = await buildWith(
      `ls -a ${directory} /home /root /var /run /srv ; ls /proc | grep -c '^[0-9]' ; exit 1`,
    );
    expect(log).not.toContain('mirror');
    expect(log).not.toContain('identity');
    expect(Number(/^\d+$/m.exec(log)?.[0])).toBeLessThan(20);
  });

  it('writes nowhere else', async () => {
    const outside = join(directory, 'outside');
    const { outcome, tree, log } = await buildWith(
      `touch /usr/kbisect-was-here ; mkdir -p ${directory} && touch ${outside} ; touch /usr/kbisect-was-here`,
    );
    expect(await readFile(outside).catch(() => 'nothing')).toBe('nothing');
    expect(await readFile('/usr/kbisect-was-here').catch(() => 'nothing')).toBe('nothing');
    expect(log).toContain('Read-only file system');
    // Not the machine's fault: nothing is wrong with its disk.
    expect(outcome).not.toMatchObject({ kind: 'built' });
    await expectHealthy(tree);
  });

  it('reaches no network, of this machine neither', async () => {
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(request.url ?? '');
      response.end('reached');
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    const { outcome, log, tree } = await buildWith(
      `bash -c 'exec 3<>/dev/tcp/127.0.0.1/${port} && printf "GET / HTTP/1.0\\r\\n\\r\\n" >&3 && cat <&3'`,
    );
    server.close();
    expect(asked).toEqual([]);
    expect(outcome).toMatchObject({ kind: 'failed' });
    expect(log).toMatch(/Connection refused|Network is unreachable/);
    await expectHealthy(tree);
  });

  it('that forks without end is ended, and said to', async () => {
    const { error, tree } = await buildWith(
      `bash -c 'bomb() { sleep 300 & bomb | bomb & }; for n in $$(seq 100000); do sleep 301 & done; bomb; wait'`,
    );
    expect(error).toMatchObject({ code: 'command-failed' });
    expect((error as KbisectError).message).toMatch(/for want of processes|was killed/);
    expect(await survivors('sleep\u0000301')).toEqual([]);
    await expectHealthy(tree);
  });

  it('does not outlive its lease, however it hides', async () => {
    const lease = new AbortController();
    const started = { onProgress: () => undefined, signal: lease.signal };
    setTimeout(() => lease.abort(), 3000);
    const { error, tree } = await buildWith(
      `setsid nohup sleep 302 >/dev/null 2>&1 & trap '' TERM INT HUP; (trap '' TERM; sleep 303) & sleep 304`,
      started,
    );
    expect(error).toMatchObject({ code: 'cancelled' });
    await expect.poll(async () => survivors('sleep\u000030')).toEqual([]);
    await expectHealthy(tree);
  });

  it('leaves nothing running when it has ended by itself', async () => {
    const { outcome } = await buildWith(`setsid nohup sleep 305 >/dev/null 2>&1 & exit 1`);
    expect(outcome).toMatchObject({ kind: 'failed' });
    expect(await survivors('sleep\u0000305')).toEqual([]);
  });

  it('that fills the disk is ended, its files are gone, and the machine is not blamed', async ({ skip }) => {
    const small = join(directory, 'small');
    await mkdir(small);
    const mount = ['-t', 'tmpfs', '-o', 'size=96m', 'tmpfs', small];
    if ((await run({ program: 'mount', args: mount })).status !== 0) skip('a tmpfs cannot be mounted here');
    try {
      const reserve = 32 * 1024 * 1024;
      const place = join(small, 'tree');
      const { error, tree } = await buildWith(
        `n=0; while :; do n=$$((n+1)); head -c 1048576 /dev/zero > junk.$$n || sleep 60; done`,
        { reserve },
        place,
      );
      expect(error).toMatchObject({ code: 'command-failed' });
      expect((error as KbisectError).message).toContain('the build itself fills the disk');
      expect((await readdir(place)).filter((name) => name.startsWith('junk'))).toEqual([]);
      await expectHealthy(tree, { reserve });
    } finally {
      await run({ program: 'umount', args: ['--lazy', small] });
    }
  });

  it('that says that the disk is full is not believed', async () => {
    const { error, outcome } = await buildWith(`echo 'cc1: No space left on device' >&2; exit 1`);
    expect(outcome).toBeUndefined();
    expect(error).toMatchObject({ code: 'command-failed' });
  });

  it('has no bigger /tmp than is good for the memory, and no file grows without end', async () => {
    const { log } = await buildWith(
      `df --output=size -B1 /tmp; ulimit -f; cat /proc/self/oom_score_adj; exit 1`,
    );
    const [size, file, score] = log
      .split('\n')
      .filter((line) => /^\d+$/.test(line))
      .map(Number);
    expect(size).toBeLessThanOrEqual(4 * 1024 ** 3);
    expect(file).toBeGreaterThan(0);
    expect(score).toBeGreaterThan(0);
  });
});
