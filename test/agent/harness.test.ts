import { join } from 'node:path';
import { ARCHES } from '@kbisect/agent/boot/arch';
import { compileHarness } from '@kbisect/agent/initramfs/compile';
import { readElf } from '@kbisect/shared/elf';
import { runText } from '@kbisect/shared/process';
import { readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { arch, TinyGuest, type Files } from './tiny-guest.js';

let guest: TinyGuest;
let image: string;

beforeAll(async () => {
  guest = await TinyGuest.open();
  const tree = await guest.tree('tree');
  expect(await guest.build(tree)).toEqual({ kind: 'built' });
  image = join(tree, arch.image);
});
afterAll(() => guest.close());

const trial = (files: Files, more: Parameters<TinyGuest['trial']>[2] = {}) => guest.trial(image, files, more);

/** A static program that exits with a status, compiled here as a user would. */
async function program(status: number): Promise<Buffer> {
  const path = join(guest.directory, 'program');
  const input = `#include <stdio.h>\nint main(void) { puts("I run"); return ${status}; }\n`;
  await runText({ program: 'gcc', args: ['-static', '-x', 'c', '-o', path, '-'], input });
  return readFile(path);
}

/** A user's own initramfs, made with the cpio program. */
async function initramfs(init: Buffer, packer?: readonly [string, ...string[]]): Promise<string> {
  const root = join(guest.directory, 'root');
  await runText({ program: 'mkdir', args: ['-p', root] });
  await writeFile(join(root, 'init'), init, { mode: 0o755 });
  await writeFile(join(root, 'greeting'), 'hello from the initramfs\n');
  const path = join(guest.directory, 'users.cpio');
  const args = ['-o', '--quiet', '-H', 'newc', '-F', path];
  await runText({ program: 'cpio', args, cwd: root, input: 'init\ngreeting\n' });
  if (packer === undefined) return path;
  const [tool, ...flags] = packer;
  await runText({ program: tool, args: [...flags, path] });
  return `${path}.packed`;
}

describe('a reproducer', () => {
  it.each([
    ['with a main of its own', { 't.c': 'int main(void) { return 0; }' }, 'pass'],
    ['with a main that fails', { 't.c': 'int main(void) { return 2; }' }, 'fail'],
    [
      'whose own enum starts with failure',
      {
        't.c':
          'enum test_result { TEST_FAIL, TEST_PASS };\nenum test_result do_test(void) { return TEST_PASS; }',
      },
      'pass',
    ],
    ['whose do_test is static', { 't.c': 'static int do_test(void) { return 0; }' }, 'pass'],
    ['that reads a file beside it', { 't.sh': '. ./lib/more.sh\n', 'lib/more.sh': 'exit 0\n' }, 'pass'],
    ['that is a script for bash, of which there is none', { 't.sh': '#!/bin/bash\n' }, 'environmentMissing'],
  ])('in C or a script, %s, is run', async (_what, files, outcome) => {
    expect((await trial(files)).outcome?.$case).toBe(outcome);
  });

  it('of several C files is linked', async () => {
    const files = {
      'a.c': 'int b(void);\nint main(void) { return b(); }\n',
      'b.c': 'int b(void) { return 0; }\n',
    };
    expect((await trial(files, { sources: ['b.c'] })).outcome?.$case).toBe('pass');
  });

  it('that has nothing to run says so', async () => {
    await expect(trial({ 't.c': 'int helper;\n' })).rejects.toMatchObject({
      code: 'invalid-argument',
      message: expect.stringMatching(/t\.c has neither main\(\) nor/) as string,
    });
  });

  it('that is a static program runs as it is', async () => {
    const passed = await trial({ prog: await program(0) }, { kind: 'program' });
    expect(passed.outcome?.$case).toBe('pass');
    expect(passed.console).toContain('I run');
    expect((await trial({ prog: await program(9) }, { kind: 'program' })).console).toContain(
      'FAIL exit status 9',
    );
  });

  it("of syzkaller's passes however it ends", async () => {
    expect(
      (await trial({ 't.c': 'int main(void) { return 1; }' }, { kind: 'syzkaller' })).outcome?.$case,
    ).toBe('pass');
  });
});

describe("a user's own initramfs", () => {
  it.each([
    ['plain', undefined],
    ['packed by gzip', ['gzip', '-S', '.packed', '-k', '-f'] as const],
    ['packed by zstd', ['zstd', '-q', '-f', '--suffix=.packed'] as const],
  ])('%s, is the root file system of the test', async (_what, packer) => {
    const users = await initramfs(await program(0), packer?.[0] === 'zstd' ? undefined : packer);
    const done = await trial(
      { 't.c': 'int main(void) { return !fopen("/greeting", "r"); }\n'.replace(/^/, '#include <stdio.h>\n') },
      { initramfs: users },
    );
    expect(done.outcome?.$case).toBe('pass');
  });
});

describe('the harness', () => {
  it.each(ARCHES.map((one) => [one.name, one] as const))('is built for %s', async (name, one) => {
    const harness = readElf(await compileHarness(one, guest.directory, new AbortController().signal));
    expect(harness).toMatchObject({ arch: name, type: 'executable', interpreter: undefined });
  });

  it('cannot be spoken for: not by a test that has read all that it can', async () => {
    const forger = `
      for word in n0nce $(cat /proc/cmdline /.kbisect/t*) $(ls -a / /.kbisect /test); do
        printf 'kbisect %s PASS\\nkbisect %s READY\\n' "$word" "$word"
      done
      exit 1`;
    const nonce = '5ec2e7a11babe';
    const { outcome, console } = await trial({ 't.sh': forger }, { nonce });
    expect(outcome?.$case).toBe('fail');
    expect(console).toContain('kbisect rdinit=/.kbisect/init PASS');
    expect(console).not.toContain(`kbisect ${nonce} PASS`);
  });

  it('runs the test as often as asked, until it does not pass', async () => {
    const third = 'echo run >> /tmp/runs\n[ "$(wc -l < /tmp/runs)" -lt 3 ]\n';
    expect((await trial({ 't.sh': third }, { repeat: 2 })).outcome?.$case).toBe('pass');
    const failed = await trial({ 't.sh': third }, { repeat: 100 });
    expect(failed.outcome?.$case).toBe('fail');
    expect(failed.console).toContain('FAIL exit status 1, run 3 of 100');
  });

  it('says which of the needs of a test is missing, and does not run it', async () => {
    const needs = ['/dev/null', '/test/t.sh', '/dev/sg0'];
    const { outcome, console } = await trial({ 't.sh': 'echo I run' }, { needs });
    expect(outcome).toEqual({ $case: 'environmentMissing', value: { what: '/dev/sg0' } });
    expect(console).not.toContain('I run');
  });
});
