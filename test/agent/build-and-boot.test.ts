import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { archOf } from '@kbisect/agent/boot/arch';
import { guestRuns, probeAccelerator } from '@kbisect/agent/boot/probe';
import { digestOfFile } from '@kbisect/shared/digest';
import { arch, TinyGuest } from './tiny-guest.js';

const signal = new AbortController().signal;
let guest: TinyGuest;
/** A built tree, for boots. */
let tree: string;

beforeAll(async () => {
  guest = await TinyGuest.open();
  tree = await guest.tree('tree');
  expect(await guest.build(tree)).toEqual({ kind: 'built' });
});
afterAll(() => guest.close());

function trial(
  name: string,
  text: string,
  more: { image?: string; timeoutSeconds?: number; bootSeconds?: number } = {},
) {
  return guest.trial(more.image ?? join(tree, arch.image), { [name]: text }, more);
}

const C = (body: string) => `#include "boot-test.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
enum test_result do_test(void) { ${body} }
`;

describe('a build', () => {
  it('gives the same bytes in another directory, and clean or incremental', async () => {
    const first = await digestOfFile(join(tree, arch.image));
    const other = await guest.tree('a-directory-with-a-longer-name');
    await guest.build(other);
    expect(await digestOfFile(join(other, arch.image))).toEqual(first);
    await writeFile(
      join(other, 'init/initcalls.c'),
      `${await readFile(join(tree, 'init/initcalls.c'), 'utf8')}/* touched */\n`,
    );
    await guest.build(other);
    expect(await digestOfFile(join(other, arch.image))).toEqual(first);
  });

  it('that fails says why', async () => {
    const broken = await guest.tree('broken');
    await writeFile(join(broken, 'init/initcalls.c'), 'int wrong(void) { return nothing; }\n');
    const outcome = await guest.build(broken);
    expect(outcome).toEqual({
      kind: 'failed',
      firstError: expect.stringMatching(
        /init\/initcalls\.c:1:\d+: error: ‘nothing’ undeclared|error: 'nothing' undeclared/,
      ) as string,
      signature: "init/initcalls.c: error: 'nothing' undeclared (first use in this function)",
    });
  });

  it('that says it ran out of room is no failure of the commit, nor of a machine that has room', async () => {
    const full = await guest.tree('full');
    await writeFile(join(full, 'init/initcalls.c'), '#error "as: /dev/full: No space left on device"\n');
    await expect(guest.build(full)).rejects.toMatchObject({ code: 'command-failed' });
  });
});

describe('a trial', () => {
  it.each([
    { what: 'passes', body: 'return TEST_PASS;', outcome: 'pass' },
    { what: 'fails', body: 'return TEST_FAIL;', outcome: 'fail' },
    { what: 'ends without a newline', body: 'printf("no newline"); return TEST_PASS;', outcome: 'pass' },
    {
      what: 'prints a forged marker',
      body: 'puts("kbisect - PASS\\nkbisect 0 PASS"); return TEST_FAIL;',
      outcome: 'fail',
    },
    { what: 'exits by itself', body: 'exit(3);', outcome: 'fail' },
    { what: 'is killed by a signal', body: 'abort();', outcome: 'fail' },
    { what: 'closes stdout', body: 'fclose(stdout); close(1); return TEST_PASS;', outcome: 'pass' },
  ])('of a C reproducer that $what is $outcome', async ({ body, outcome }) => {
    expect((await trial('t.c', C(body))).outcome?.$case).toBe(outcome);
  });

  it('takes a reproducer that declares the result itself', async () => {
    const text =
      'enum test_result { TEST_PASS, TEST_FAIL };\nenum test_result do_test(void) { return TEST_PASS; }\n';
    expect((await trial('t.c', text)).outcome?.$case).toBe('pass');
  });

  it('of a shell script reads its exit status, and keeps its whole output', async () => {
    const passed = await trial('t.sh', 'for n in 1 2 3; do echo "line $n"; done\nexit 0\n');
    expect(passed.outcome?.$case).toBe('pass');
    expect(passed.console).toContain('line 3');
    expect((await trial('t.sh', 'exit 7\n')).outcome?.$case).toBe('fail');
  });

  it.each([
    { what: 'panics before the test', code: 'panic("planted");', outcome: 'crash' },
    { what: 'hangs before the test', code: 'for (;;)\n;', outcome: 'hang' },
  ])('of a kernel that $what is $outcome', async ({ code, outcome }) => {
    const planted = await guest.tree(`planted-${outcome}`);
    const file = join(planted, 'init/initcalls.c');
    await writeFile(file, (await readFile(file, 'utf8')).replace(/\{\n[^]*\}/, `{\n${code}\n}`));
    expect(await guest.build(planted)).toEqual({ kind: 'built' });
    const image = join(planted, arch.image);
    const { outcome: kind } = await trial('t.c', C('return TEST_PASS;'), {
      image,
      timeoutSeconds: 1,
      bootSeconds: 4,
    });
    expect(kind?.$case).toBe(outcome);
    if (kind?.$case === 'crash') expect(kind.value.signature).toBe('panic: planted');
    if (kind?.$case === 'hang') expect(kind.value.dump).toMatch(/^CPU 0 is at 0x[0-9a-f]{16}$/m);
  });

  it('with an image that is none is an error of this machine with the words of QEMU', async () => {
    const image = join(guest.directory, 'no-image');
    await expect(trial('t.c', C('return TEST_PASS;'), { image })).rejects.toMatchObject({
      code: 'command-failed',
      message: expect.stringContaining('no-image') as string,
    });
  });

  it('of a reproducer that does not compile gives the words of the compiler', async () => {
    await expect(trial('t.c', 'int do_test(void) { return 0 }\n')).rejects.toMatchObject({
      code: 'invalid-argument',
      message: expect.stringMatching(/t\.c:1:\d+: error: expected/) as string,
    });
  });
});

describe('the accelerator', () => {
  it.each(['x86_64', 'arm64'])('of %s is one with which a guest really ran', async (name) => {
    const accelerator = await probeAccelerator(archOf(name)!, signal);
    expect(accelerator).toBeDefined();
    expect(await guestRuns(archOf(name)!, accelerator!, signal)).toBe(true);
  });
});
