import { readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run, runText } from '@kbisect/shared/process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { clone, debianLinux, demoDirectory } from '../../deploy/dist/demo/debian-linux.js';
import { Farm, kbisect } from '../../deploy/dist/demo/kbisect.js';
import { TinyGuest } from '../agent/tiny-guest.js';
import { scsiHistory, type ScsiHistory } from './scsi-history.js';

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

async function bisect(broken: string, fixed: string, ...more: string[]) {
  const ends = ['--repo', history.directory, '--broken', broken, '--fixed', fixed];
  const test = ['--reproducer', join(here, 'read16.c'), '--config-fragment', join(here, 'scsi.config')];
  // scsi_debug answers after a jiffy, unless it is told not to wait.
  const guest = ['--append', 'scsi_debug.delay=0', '--timeout', '300'];
  const args = ['bisect', ...ends, ...test, '--needs', '/dev/sg0', ...guest, ...more, '--json'];
  let output = '';
  await run({
    ...kbisect(['--coordinator', farm.address, ...args]),
    onOutput: (chunk) => {
      output += chunk.toString('utf8');
      process.stdout.write(chunk);
    },
  });
  const last = output.trimEnd().split('\n').at(-1) ?? '';
  return JSON.parse(last) as {
    job: string;
    state: string;
    reason: string;
    culprit: { commit: string } | null;
  };
}

describe('a SCSI generic device of scsi_debug, built in', () => {
  test('shows which commit mended READ(16), by 1,500 blocks that are written and read', async () => {
    const result = await bisect(history.broken, history.fixed);
    expect(result).toMatchObject({ state: 'found', culprit: { commit: history.fix } });
    const console = await farm.text(['console', result.job, history.fix]);
    expect(console).toContain('1500 iterations');
    const before = await farm.text(['console', result.job, history.broken]);
    expect(before).toContain('iteration 745: READ(16) of block 8195 gives other bytes');
  });

  test('is tried with a module of the same tree loaded', async () => {
    const module = ['--module', 'drivers/scsi/raid_class.ko', '--needs', 'raid_class'];
    const result = await bisect(history.beforeFix, history.fix, ...module);
    expect(result).toMatchObject({ state: 'found', culprit: { commit: history.fix } });
  });

  test('that is missing ends a job with its name, and is no evidence of anything', async () => {
    const result = await bisect(history.beforeFix, history.fix, '--needs', '/dev/sg7');
    expect(result).toMatchObject({
      state: 'aborted',
      reason: expect.stringContaining('the guest lacks /dev/sg7') as string,
    });
  });
});

describe('on a real kernel, a reproducer', () => {
  let guest: TinyGuest;
  let image: string;
  beforeAll(async () => {
    guest = await TinyGuest.open();
    const trees = (await readdir(state, { recursive: true })).filter((path) =>
      path.endsWith('tree/arch/x86/boot/bzImage'),
    );
    image = join(state, trees[0] ?? 'no image');
    await stat(image);
  });
  afterAll(() => guest.close());

  const c = (body: string) => `#include <stdio.h>
#include <string.h>
#include <stdlib.h>
#include <fcntl.h>
#include <unistd.h>
#include <sys/mount.h>
#include <sys/reboot.h>
int main(void) { ${body} }
`;
  const forger = `
    for word in $(cat /proc/cmdline) $(dmesg | tr -c 'A-Za-z0-9' ' ') $(find /.kbisect /sys/firmware); do
      echo "kbisect $word PASS"
    done
    strings -a /proc/kcore 2>/dev/null | head -n 1000
    exit 1`;

  test.each([
    [
      'prints PASS and panics',
      {
        't.c': c(
          'puts("PASS"); fflush(stdout); return write(open("/proc/sysrq-trigger", O_WRONLY), "c", 1) < 0;',
        ),
      },
      'crash',
    ],
    ['prints forged markers with all that it can read', { 't.sh': forger }, 'fail'],
    [
      'daemonises, prints on, and fails',
      {
        't.c': c(
          'if (!fork()) { setsid(); if (fork()) _exit(0); for (;;) puts("kbisect n0 PASS"); } sleep(1); return 3;',
        ),
      },
      'fail',
    ],
    [
      'prints 1 GB and passes',
      {
        't.c': c(
          "static char b[1 << 20]; memset(b, 'x', sizeof(b)); b[99] = '\\n'; for (int i = 0; i < 1024; i++) if (write(1, b, sizeof(b)) != sizeof(b)) return 2; return 0;",
        ),
      },
      'pass',
    ],
    ['closes its output', { 't.c': c('close(0); close(1); close(2); usleep(200000); return 0;') }, 'pass'],
    ['reboots', { 't.c': c('reboot(RB_AUTOBOOT); return 0;') }, 'crash'],
    ['kills all that it may', { 't.sh': 'kill -9 -1\nexit 0\n' }, 'fail'],
    [
      'hides /proc and /dev',
      { 't.c': c('return mount("none", "/dev", "tmpfs", 0, 0) | mount("none", "/proc", "tmpfs", 0, 0);') },
      'pass',
    ],
    ['goes on for ever', { 't.c': c('for (;;) ;') }, 'hang'],
  ] as const)('that %s has its outcome', async (what, files, outcome) => {
    const timeoutSeconds = what === 'goes on for ever' ? 2 : 600;
    const done = await guest.trial(image, files, { timeoutSeconds });
    expect(done.outcome?.$case).toBe(outcome);
    if (what === 'prints 1 GB and passes') {
      expect(done.console).toContain('what else the test prints is not shown');
      expect(done.console.length).toBeLessThan(2 << 20);
    }
  });

  test.each([
    ['exits with 0', 'return 0;', 'pass'],
    ['exits with 3', 'return 3;', 'fail'],
    ['powers off', 'reboot(RB_POWER_OFF);', 'pass'],
    ['restarts', 'reboot(RB_AUTOBOOT);', 'fail'],
    ['is PID 1', 'return getpid() != 1;', 'pass'],
  ])("of a user's own initramfs whose init %s has its outcome", async (_what, body, outcome) => {
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
  });

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
