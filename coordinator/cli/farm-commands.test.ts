import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runText } from '@kbisect/shared/process';
import { commitOf, kbisect, repositoryOf, Running, temporaryFolder } from './program-under-test.js';

// Against a real coordinator that has no agents: what can be asked and told without any work being done.

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let coordinator: Running;
let repo: string;
let env: NodeJS.ProcessEnv;

const start = (listen: string) =>
  new Running([
    'coordinator',
    '--state',
    join(folder.path, 'state'),
    '--listen',
    listen,
    '--http',
    '127.0.0.1:0',
  ]);
const listens = /^kbisect coordinator: gRPC (\S+), HTTP (\S+)$/m;

beforeAll(async () => {
  folder = await temporaryFolder();
  repo = join(folder.path, 'repo');
  await repositoryOf(repo, 20);
  coordinator = start('127.0.0.1:0');
  env = { KBISECT_COORDINATOR: (await coordinator.shows(listens))[1] };
});
afterAll(async () => {
  await coordinator.stop();
  await folder.remove();
});

let submitted = 0;

/** Submits a job like no other, so that it joins none. */
async function submit(more: readonly string[] = ['--run', 'test $(cat number) -lt 7']): Promise<string> {
  const args = ['bisect', '--repo', repo, '--good', 'v1', '--bad', 'v20', '--detach', ...more];
  args.push('--timeout', String(1000 + ++submitted));
  const { stdout, stderr, status } = await kbisect(args, env);
  expect(stderr).toBe('');
  expect(status).toBe(0);
  return stdout.trim();
}

describe('a job that is left to the farm', () => {
  it('is one id on standard output, and is in the list', async () => {
    const id = await submit();
    expect(id).toMatch(/^[a-z0-9-]+$/);
    const { stdout } = await kbisect(['jobs'], env);
    expect(stdout).toMatch(
      new RegExp(`^${id} +\\w+ +normal +repo v1\\.\\.v20: test \\$\\(cat number\\) -lt 7`, 'm'),
    );
    const shown = await kbisect(['job', id], env);
    expect(shown.stdout).toContain(`bad: ${await commitOf(repo, 'v20')}`);
  });

  it('takes a reproducer with all of its files, which are kept once however often they come', async () => {
    await mkdir(join(folder.path, 'case'));
    await writeFile(join(folder.path, 'case/crash.c'), '#include "big.h"\n');
    await writeFile(join(folder.path, 'case/big.h'), Buffer.alloc(3 << 20, '\n'));
    await writeFile(join(folder.path, 'case/empty.config'), '');
    const files = [
      ...['--reproducer', join(folder.path, 'case/crash.c')],
      ...['--config-fragment', join(folder.path, 'case/empty.config')],
    ];
    expect(await submit(files)).not.toBe(await submit(files));
  });

  it('is shown with its priority, the labels that it requires, and why it waits', async () => {
    const id = await submit(['--run', 'true', '--priority', 'high', '--require', 'site=basement', 'gpu=yes']);
    const why = "no agent takes tasks; start one with 'kbisect agent'";
    const asked = { job: id, priority: 'high', requires: ['gpu=yes', 'site=basement'], waiting: why };
    const json = async (command: string[]) =>
      JSON.parse((await kbisect([...command, '--json'], env)).stdout) as unknown;
    await expect.poll(() => json(['job', id])).toMatchObject(asked);
    expect(await json(['jobs'])).toMatchObject({
      jobs: expect.arrayContaining([expect.objectContaining(asked)]) as unknown[],
    });
    expect((await kbisect(['job', id], env)).stdout).toContain(
      '\npriority: high\nrequires: gpu=yes\nrequires: site=basement\n',
    );
    const { stdout } = await kbisect(['jobs'], env);
    expect(stdout).toContain(`19 candidates left; waits: ${why}\n`);
    const watcher = new Running(['watch', id], env);
    await watcher.shows(/^waits: no agent takes tasks/m);
    await watcher.stop('SIGINT');
    await kbisect(['cancel', id], env);
    const over = await json(['job', id]);
    expect(over).toMatchObject({ state: 'cancelled', priority: 'high' });
    expect(over).not.toHaveProperty('waiting');
  });

  it('is joined by whoever asks the same while it runs, and by nobody when it is over', async () => {
    const args = ['bisect', '--repo', repo, '--good', 'v2', '--bad', 'v19', '--run', 'true', '--detach'];
    const first = await kbisect(args, env);
    const [id, sameEnd] = [first.stdout.trim(), await commitOf(repo, 'v19')];
    const second = await kbisect(args.with(6, sameEnd), env);
    expect(second).toMatchObject({
      stdout: first.stdout,
      stderr: `job ${id} asks the same and is running: joined\n`,
      status: 0,
    });
    await kbisect(['cancel', id], env);
    const third = await kbisect(args, env);
    expect(third).toMatchObject({ stderr: '', status: 0 });
    expect(third.stdout).not.toBe(first.stdout);
    const atOnce = args.with(4, 'v3');
    const answers = await Promise.all([kbisect(atOnce, env), kbisect(atOnce, env)]);
    expect(answers[0].stdout).toBe(answers[1].stdout);
    expect(answers.filter(({ stderr }) => stderr.endsWith(': joined\n'))).toHaveLength(1);
  });

  it('can be cancelled; whoever watches then sees it end with status 3', async () => {
    const id = await submit();
    const junit = join(folder.path, 'junit.xml');
    const watcher = new Running(['watch', id, '--json', '--ci', junit], env);
    await watcher.shows(/the range has 19 commits/);
    expect((await kbisect(['cancel', id], env)).stdout).toBe(`job ${id} is cancelled\n`);
    expect(await watcher.ended()).toBe(3);
    const result = JSON.parse(watcher.stdout.trim().split('\n').at(-1) ?? '') as unknown;
    expect(result).toMatchObject({
      job: id,
      state: 'cancelled',
      culprit: null,
      builds: 0,
      trials: 0,
      cacheHits: 0,
    });
    expect(watcher.stdout).toMatch(/^::warning title=kbisect%3A cancelled::/m);
    expect(await readFile(junit, 'utf8')).toContain('<skipped type="cancelled"');
    const log = await kbisect(['log', id], env);
    expect(log.stdout).toMatch(/^git bisect start /m);
  });

  it('goes on when its watcher is interrupted', async () => {
    const args = ['bisect', '--repo', repo, '--good', 'v1', '--bad', 'v20', '--run', 'true'];
    const watcher = new Running(args, env);
    const [, id = ''] = await watcher.shows(/^job (\S+):/m);
    expect(await watcher.stop('SIGINT')).toBe(1);
    expect(watcher.stderr).toContain(`job ${id} goes on; 'kbisect watch ${id}' follows it`);
    expect((await kbisect(['job', id], env)).stdout).toMatch(/19 candidates left/);
  });
});

describe('a commit of a job', () => {
  it('is marked and tried again by hand, by whom is told', async () => {
    const id = await submit();
    const six = await commitOf(repo, 'v6');
    const marked = await kbisect(['mark', id, six.slice(0, 12), 'old'], env);
    expect(marked).toMatchObject({ stdout: `${six.slice(0, 12)} is marked old\n`, status: 0 });
    const again = await kbisect(['rerun', id, six], env);
    expect(again.stdout).toBe(`${six.slice(0, 12)} is tried again\n`);
    const watcher = new Running(['watch', id], env);
    await watcher.shows(new RegExp(`${six.slice(0, 12)} is tried again, as \\S+@\\S+ wishes`));
    await watcher.stop('SIGINT');
  });

  it('is not marked against the other marks, outside of the range, or in other words', async () => {
    const id = await submit();
    const [six, nine] = [await commitOf(repo, 'v6'), await commitOf(repo, 'v9')];
    await kbisect(['mark', id, nine, 'old'], env);
    const against = await kbisect(['mark', id, six, 'new'], env);
    expect(against.stderr).toBe(
      `kbisect: ${six.slice(0, 12)} cannot be new as ${nine.slice(0, 12)} is marked old: ` +
        'no commit could be the culprit; mark that one first\n',
    );
    expect(against.status).toBe(1);
    const outside = await kbisect(['mark', id, 'f'.repeat(40), 'new'], env);
    expect(outside.stderr).toContain('no commit of the range or its ends begins with');
    const unknown = await kbisect(['mark', id, six, 'good'], env);
    expect(unknown.stderr).toContain('Allowed choices are old, new, skip');
    expect(unknown.status).toBe(2);
  });
});

describe('a repository at a URL', () => {
  it('is fetched by the coordinator, which resolves the revisions in it', async () => {
    const [, , http = ''] = listens.exec(coordinator.stdout) ?? [];
    const url = `http://${http}/git`;
    const push = ['-C', repo, 'push', '--quiet', '--', url, 'main', 'v1', 'v20'];
    await runText({ program: 'git', args: push });
    const ends = ['--old', 'v1', '--new', 'v20', '--run', 'true', '--detach'];
    const { stdout, stderr } = await kbisect(['bisect', '--repo', url, ...ends], env);
    expect(stderr).toBe('');
    const job = await kbisect(['job', stdout.trim()], env);
    expect(job.stdout).toContain(`new: ${await commitOf(repo, 'v20')}\nold: ${await commitOf(repo, 'v1')}\n`);

    const unknown = await kbisect(
      ['bisect', '--repo', url, '--old', 'v2', '--new', 'v20', '--run', 'true'],
      env,
    );
    expect(unknown.stderr).toMatch(/^kbisect: unknown revision "v2"/);
    expect(unknown.status).toBe(2);
  });
});

describe('what is not there', () => {
  it.each([['job'], ['watch'], ['log'], ['report'], ['cancel']])(
    '%s says so, with status 1',
    async (command) => {
      const { status, stderr } = await kbisect([command, 'nope'], env);
      expect(stderr).toBe("kbisect: there is no job nope; see 'kbisect jobs'\n");
      expect(status).toBe(1);
    },
  );

  it('console says that the commit was not tested', async () => {
    const { status, stderr } = await kbisect(['console', await submit(), 'abc'], env);
    expect(stderr).toMatch(/^kbisect: no tested commit begins with "abc"/);
    expect(status).toBe(1);
  });
});

describe('a coordinator that is killed and started again', () => {
  it('loses no watcher, and no line is shown twice', async () => {
    const id = await submit();
    const watcher = new Running(['watch', id], env);
    await watcher.shows(/the range has 19 commits/);
    await coordinator.stop('SIGKILL');
    await watcher.shows(/no connection, trying again/);
    coordinator = start(env['KBISECT_COORDINATOR'] ?? '');
    await coordinator.shows(listens);
    await watcher.shows(/connected again/);
    await kbisect(['cancel', id], env);
    expect(await watcher.ended()).toBe(3);
    expect(watcher.stdout.match(/the range has 19 commits/g)).toHaveLength(1);
    expect(watcher.stdout.match(/^job /gm)).toHaveLength(1);
  });
});
