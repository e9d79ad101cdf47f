import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { kbisect, Running, temporaryFolder } from './program-under-test.js';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let coordinator: Running;
let url: string;
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  folder = await temporaryFolder();
  const free = '127.0.0.1:0';
  const state = join(folder.path, 'state');
  coordinator = new Running(['coordinator', '--state', state, '--listen', free, '--http', free]);
  const [, grpc, http] = await coordinator.shows(/^kbisect coordinator: gRPC (\S+), HTTP (\S+)$/m);
  url = `http://${http ?? ''}`;
  env = { KBISECT_COORDINATOR: grpc };
});
afterAll(async () => {
  await coordinator.stop();
  await folder.remove();
});

async function put(text: string): Promise<string> {
  const digest = createHash('sha256').update(text).digest('hex');
  const { status } = await fetch(`${url}/cas/${digest}`, { method: 'PUT', body: text });
  expect(status).toBe(201);
  return digest;
}

it('stat tells what is stored, what was spared and what came through which door', async () => {
  await put('a'.repeat(5000));
  await put('a'.repeat(5000));
  await fetch(`${url}/ac/nothing`);
  const { stdout } = await kbisect(['cache', 'stat'], env);
  expect(stdout).toMatch(/^stored +4\.9 KiB in 1 file$/m);
  expect(stdout).toMatch(/^would be stored +9\.8 KiB/m);
  expect(stdout).toMatch(/^HTTP +0 +1 +0 B +4\.9 KiB +4\.9 KiB$/m);
  const json = JSON.parse((await kbisect(['cache', 'stat', '--json'], env)).stdout) as unknown;
  expect(json).toMatchObject({ files: 1, bytes: 5000, pins: [] });
});

it('pin keeps a blob, over restarts too, until it is unpinned', async () => {
  const digest = await put('precious');
  expect((await kbisect(['cache', 'pin', digest], env)).stdout).toBe(`${digest} is kept\n`);
  const stat = async () =>
    JSON.parse((await kbisect(['cache', 'stat', '--json'], env)).stdout) as { heldBytes: number };
  expect((await stat()).heldBytes).toBe(8);
  expect(await readFile(join(folder.path, 'state/cache/pins'), 'utf8')).toBe(`${digest}\n`);
  await kbisect(['cache', 'pin', '--remove', digest], env);
  expect((await stat()).heldBytes).toBe(0);
  const absent = await kbisect(['cache', 'pin', '0'.repeat(64)], env);
  expect(absent).toMatchObject({ status: 1, stderr: `kbisect: there is no blob ${'0'.repeat(64)}\n` });
  expect(await kbisect(['cache', 'pin', '../etc'], env)).toMatchObject({ status: 2 });
});

it('gc has nothing to do within the limits', async () => {
  expect((await kbisect(['cache', 'gc'], env)).stdout).toBe('0 B freed\n');
});

it('verify finds what has rotted, sets it aside, and fails', async () => {
  expect(await kbisect(['cache', 'verify'], env)).toMatchObject({ status: 0 });
  const digest = await put('it will rot');
  await writeFile(join(folder.path, 'state/cache/blobs', digest), 'it has rot!');
  const { status, stdout } = await kbisect(['cache', 'verify'], env);
  expect(stdout).toMatch(
    new RegExp(`^${digest} had rotted; it is set aside\n\\d+ blobs read, 1 rotten$`, 'm'),
  );
  expect(status).toBe(1);
  expect((await fetch(`${url}/cas/${digest}`)).status).toBe(404);
});
