import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { clone, debianLinux, demoDirectory } from '../../deploy/dist/demo/debian-linux.js';
import type { History } from '../../deploy/dist/demo/history.js';
import { Farm } from '../../deploy/dist/demo/kbisect.js';
import { aroundCulprit } from './around-culprit.js';
import { bisect, subject, symlinks } from './job.js';

let history: History;
let farm: Farm;
const say = (line: string) => process.stdout.write(`${line}\n`);

beforeAll(async () => {
  history = await debianLinux(demoDirectory(), say);
  farm = await Farm.start(join(clone, '.kbisect/arm64-test'), 1, say);
  await farm.cancelUnfinished();
});
afterAll(() => farm.stop());

test('a patch is found in kernels that are cross-built for arm64 and booted in its QEMU', async () => {
  const { good, bad } = await aroundCulprit(history.git, 4);
  const range = ['--repo', history.git.directory, '--good', good, '--bad', bad];
  const { status, result } = await bisect(farm, [...range, '--arch', 'arm64', '--reproducer', symlinks]);
  expect(result).toMatchObject({ state: 'found', culprit: { subject } });
  expect(status).toBe(0);
});
