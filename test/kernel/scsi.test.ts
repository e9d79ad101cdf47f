import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runText } from '@kbisect/shared/process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { clone, debianLinux, demoDirectory } from '../../deploy/dist/demo/debian-linux.js';
import { Farm } from '../../deploy/dist/demo/kbisect.js';
import { TinyGuest } from '../agent/tiny-guest.js';
import { c, HOSTILE, INITS } from './hostile.js';
import { bisect as bisectIn } from './job.js';
import { scsiHistory, type ScsiHistory } from '../../deploy/dist/demo/scsi-history.js';
import { usersFiles, type UsersFiles } from './users-files.js';

const say = (line: string) => process.stdout.write(`${line}\n`);
const here = join(clone, 'test/kernel');
const state = join(clone, '.kbisect/scsi-test');

let history: ScsiHistory;
let farm: Farm;

beforeAll(async () => {
  history = await scsiHistory(join(clone, '.kbisect/scsi.git'), await debianLinux(demoDirectory(), say));
  farm = await Farm.start(state, 1, say);
  await farm.cancelUnfinished();
});
afterAll(() => farm.stop());

const read16 = join(clone, 'deploy/tutorial/read16.c');
const READ16 = ['--reproducer', read16];

const wholeRange = () => ['--broken', history.broken, '--fixed', history.fixed];
const theFix = () => ['--broken', history.beforeFix, '--fixed', history.fix];

async function bisect(ends: readonly string[], test: readonly string[], ...more: string[]) {
  const config = ['--config-fragment', join(here, 'scsi.config')];
  // scsi_debug answers after a jiffy, unless it is told not to wait.
  const guest = ['--needs', '/dev/sg0', '--append', 'scsi_debug.delay=0', '--timeout', '300'];
  const args = ['--repo', history.directory, ...ends, ...test, ...config, ...guest, ...more, '--no-certify'];
  return (await bisectIn(farm, args)).result;
}

describe('a SCSI generic device of scsi_debug, built in', () => {
  test('shows which commit mended READ(16), by 1,500 blocks that are written and read', async () => {
    const result = await bisect(wholeRange(), READ16);
    expect(result).toMatchObject({ state: 'found', culprit: { commit: history.fix } });
    const console = await farm.text(['console', result.job, history.fix]);
    expect(console).toContain('1500 iterations');
    const before = await farm.text(['console', result.job, history.broken]);
    expect(before).toContain('iteration 745: READ(16) of block 8195 gives other bytes');
  });

  test('is tried with a module of the same tree loaded', async () => {
    const module = ['--module', 'drivers/scsi/raid_class.ko', '--needs', 'raid_class'];
    const result = await bisect(theFix(), READ16, ...module);
    expect(result).toMatchObject({ state: 'found', culprit: { commit: history.fix } });
  });

  test('that is missing ends a job with its name, and is no evidence of anything', async () => {
    const result = await bisect(theFix(), READ16, '--needs', '/dev/sg7');
    expect(result).toMatchObject({
      state: 'aborted',
      reason: expect.stringContaining('the guest lacks /dev/sg7') as string,
    });
  });
});

test('a crash of a kernel that prints addresses is named by the System.map of its build', async () => {
  const result = await bisect(['--good', history.fixed, '--bad', history.crashes], READ16);
  expect(result).toMatchObject({ state: 'found', culprit: { commit: history.crashes } });
  const signature = 'BUG: kernel NULL pointer dereference in resp_read_dt0';
  expect(await farm.text(['report', result.job])).toContain(signature);
});

describe('the same test', () => {
  let directory: string;
  let files: UsersFiles;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'kbisect-users-'));
    files = await usersFiles(read16, join(here, 'read16-init.c'), directory);
  });
  afterAll(() => rm(directory, { recursive: true }));

  test.each([
    ['a dynamic program, with its loader and its libraries', () => ['--reproducer', files.dynamicProgram]],
    [
      'a script on a disk of its own',
      () => ['--disk', files.disk, '--reproducer', files.script, files.staticProgram],
    ],
    ["the init of a user's own initramfs, packed by lz4", () => ['--initramfs', files.initramfs]],
  ])('as %s finds the same', async (_what, options) => {
    const result = await bisect(theFix(), options());
    expect(result).toMatchObject({ state: 'found', culprit: { commit: history.fix } });
  });
});

describe('on a real kernel, a reproducer', () => {
  let guest: TinyGuest;
  let image: string;
  beforeAll(async () => {
    guest = await TinyGuest.open();
    const slot = join(state, 'agents/agent-1/slot0');
    const images = (await readdir(slot))
      .filter((name) => /^build\d+$/.test(name))
      .map((name) => join(slot, name, 'arch/x86/boot/bzImage'));
    const times = await Promise.all(
      images.map(async (path) => (await stat(path).catch(() => undefined))?.mtimeMs ?? 0),
    );
    image = images[times.indexOf(Math.max(...times))] ?? '';
  });
  afterAll(() => guest.close());

  test.each(HOSTILE)('that %s has its outcome', async (what, files, outcome) => {
    const timeoutSeconds = what === 'goes on for ever' ? 2 : 600;
    const done = await guest.trial(image, files, { timeoutSeconds });
    expect(done.outcome?.$case).toBe(outcome);
    if (what === 'prints 1 GB and passes') {
      expect(done.console).toContain('what else the test prints is not shown');
      expect(done.console.length).toBeLessThan(2 << 20);
    }
  });

  test('that never comes to run leaves a guest that is asked what its tasks wait for', async () => {
    const silent = { append: 'rdinit=/test/.reproducer', bootSeconds: 15, timeoutSeconds: 1 };
    const { outcome } = await guest.trial(image, { 't.c': c('for (;;) pause();') }, silent);
    expect(outcome?.$case).toBe('hang');
    const dump = outcome?.$case === 'hang' ? outcome.value.dump : '';
    expect(dump).toMatch(/^CPU 0 is at 0x[0-9a-f]{16}$/m);
    expect(dump).toContain('sysrq: Show Blocked State');
  });

  test.each(INITS)(
    "of a user's own initramfs whose init %s has its outcome",
    async (_what, body, outcome) => {
      const root = join(guest.directory, 'root');
      await runText({ program: 'mkdir', args: ['-p', root] });
      const source = join(guest.directory, 'init.c');
      await writeFile(source, c(body));
      await runText({ program: 'gcc', args: ['-static', '-o', join(root, 'init'), source] });
      const initramfs = join(guest.directory, 'users.cpio');
      await runText({
        program: 'cpio',
        args: ['-o', '--quiet', '-H', 'newc', '-F', initramfs],
        cwd: root,
        input: 'init\n',
      });
      await runText({ program: 'lz4', args: ['-q', '-f', '-l', initramfs, `${initramfs}.lz4`] });
      const done = await guest.trial(image, {}, { kind: 'init', initramfs: `${initramfs}.lz4` });
      expect(done.outcome?.$case).toBe(outcome);
    },
  );

  test('runs in the root file system of a disk, which it cannot change', async () => {
    const root = join(guest.directory, 'disk-root');
    await runText({ program: 'mkdir', args: ['-p', join(root, 'bin')] });
    await runText({ program: 'cp', args: ['/bin/busybox', join(root, 'bin/sh')] });
    await writeFile(join(root, 'greeting'), 'hello from the disk\n');
    const disk = join(guest.directory, 'disk.img');
    await runText({ program: 'mke2fs', args: ['-q', '-t', 'ext2', '-d', root, disk, '8M'] });
    const script =
      'read -r line < /greeting; echo "$line"; [ ! -e /mark ] && echo x > /mark && [ -d /proc/self ]\n';
    for (const time of ['first', 'second']) {
      const done = await guest.trial(image, { 't.sh': script }, { onDisk: true, disk });
      expect([time, done.outcome?.$case]).toEqual([time, 'pass']);
      expect(done.console).toContain('hello from the disk');
    }
  });
});
