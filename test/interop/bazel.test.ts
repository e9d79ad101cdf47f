import { appendFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { run, runText } from '@kbisect/shared/process';
import { CacheServer } from '../cache/cache-server.js';
import { writeWorkspace } from './bazel-workspace.js';
import { installPackage } from './debian-package.js';

let lacking: string | undefined;
let server: CacheServer;
let home: string;
let workspace: string;

beforeAll(async () => {
  lacking = (await installPackage('bazel-bootstrap')) ?? (await installPackage('g++'));
  home = await mkdtemp(join(tmpdir(), 'kbisect-bazel-'));
  workspace = join(home, 'workspace');
  await writeWorkspace(workspace);
  server = await CacheServer.start();
});
afterAll(async () => {
  if (lacking === undefined) await bazel('shutdown');
  await server.close();
  await rm(home, { recursive: true });
});

/** Runs Bazel in the workspace; gives what it says. */
async function bazel(...args: string[]): Promise<string> {
  const root = `--output_user_root=${join(home, 'root')}`;
  const { status, stderr } = await run({ program: 'bazel', args: [root, ...args], cwd: workspace });
  if (status !== 0) throw new Error(`bazel ${args.join(' ')}: ${stderr}`);
  return stderr;
}

/** Builds all, from nothing but what the remote cache has; gives Bazel's own count of where results came from. */
async function build(remote: string): Promise<string> {
  await bazel('clean');
  const said = await bazel('build', '--color=no', '--curses=no', `--remote_cache=${remote}`, '//...');
  const [, counts = said] = /^INFO: \d+ processes?: (.*)\.$/m.exec(said) ?? [];
  return counts;
}

it.for(['grpc', 'http'])(
  'Bazel, which nobody here wrote, builds once and finds all of it again: %s',
  async (door, { skip }) => {
    if (lacking !== undefined) skip(lacking);
    await appendFile(join(workspace, 'twice.h'), `// for ${door}\n`);
    await appendFile(join(workspace, 'answer.cc'), `// for ${door}\n`);
    const remote = door === 'grpc' ? `grpc://${server.grpc}` : server.url;
    const first = await build(remote);
    expect(first).toMatch(/\d+ (linux-sandbox|processwrapper-sandbox|local)/);
    const second = await build(remote);
    expect(second).toMatch(/^\d+ remote cache hit, \d+ internal$/);
    const answer = await runText({ program: join(workspace, 'bazel-bin/answer'), args: [] });
    expect(answer).toBe('42');
  },
);

it('finds over HTTP what it uploaded over gRPC: it is one cache', async ({ skip }) => {
  if (lacking !== undefined) skip(lacking);
  await appendFile(join(workspace, 'twice.cc'), '// once more\n');
  await build(`grpc://${server.grpc}`);
  expect(await build(server.url)).toMatch(/^\d+ remote cache hit, \d+ internal$/);
});
