import { join } from 'node:path';
import { profileNames } from '@kbisect/agent/build/profiles';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { clone, debianLinux, demoDirectory } from '../../deploy/dist/demo/debian-linux.js';
import type { History } from '../../deploy/dist/demo/history.js';
import { Farm } from '../../deploy/dist/demo/kbisect.js';
import { aroundCulprit } from './around-culprit.js';
import { bisect, hardlinks, subject } from './job.js';

/** What is there in a guest of each profile, and in no other; `minimal` is under all of them. */
const OFFERED: Readonly<Record<string, readonly string[]>> = {
  minimal: ['--reproducer', hardlinks, '--needs', '/proc/sys'],
  scsi: ['--reproducer', hardlinks, '--needs', '/dev/sg0'],
  net: ['--reproducer', hardlinks, '--needs', '/sys/class/net/lo'],
  kasan: ['--reproducer', join(clone, 'test/kernel/kasan.sh'), hardlinks],
};

let history: History;
let farm: Farm;
const say = (line: string) => process.stdout.write(`${line}\n`);

beforeAll(async () => {
  history = await debianLinux(demoDirectory(), say);
  farm = await Farm.start(join(clone, '.kbisect/profiles-test'), 1, say);
  await farm.cancelUnfinished();
});
afterAll(() => farm.stop());

describe('a kernel of the ready-made profile', async () => {
  test.each(await profileNames())('%s boots, has what it is for, and answers a question', async (name) => {
    const { good, bad } = await aroundCulprit(history.git, 1);
    const range = ['--repo', history.git.directory, '--good', good, '--bad', bad];
    const profile = name === 'minimal' ? [] : ['--profile', name];
    const { status, result } = await bisect(farm, [...range, ...profile, ...(OFFERED[name] ?? [])]);
    expect(result).toMatchObject({ state: 'found', culprit: { subject } });
    expect(status).toBe(0);
  });
});
