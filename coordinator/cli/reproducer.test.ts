import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Reproducer_Kind } from '@kbisect/shared/gen/kbisect/v1/job';
import { collectReproducer } from './reproducer.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kbisect-reproducer-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

async function files(texts: Record<string, string | Buffer>): Promise<void> {
  for (const [name, text] of Object.entries(texts)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
}

describe('a C reproducer', () => {
  it('brings the files that it includes, and those that they include, each once', async () => {
    await files({
      'case/crash.c':
        '#include <stdio.h>\n  # include "lib/a.h"\n#include "kbisect.h"\n#include "../common.h"\n',
      'case/lib/a.h': '#include "b.h"\n#include "../crash.c"\n',
      'case/lib/b.h': '#include "a.h"\n',
      'common.h': 'int common;\n',
      'case/unused.h': '',
    });
    const { reproducer, uploads } = await collectReproducer(join(folder, 'case/crash.c'));
    expect(reproducer.kind).toBe(Reproducer_Kind.KIND_C);
    expect(reproducer.entry).toBe('case/crash.c');
    expect(reproducer.files.map(({ name }) => name).sort()).toEqual([
      'case/crash.c',
      'case/lib/a.h',
      'case/lib/b.h',
      'common.h',
    ]);
    expect(uploads.map(({ bytes }) => bytes.length)).toEqual(
      reproducer.files.map(({ blob }) => blob?.size ?? -1),
    );
  });

  it('is alone when it includes nothing of its own', async () => {
    await files({ 'crash.c': '#include <linux/fs.h>\n#include "/etc/passwd"\n' });
    const { reproducer } = await collectReproducer(join(folder, 'crash.c'));
    expect(reproducer.files.map(({ name }) => name)).toEqual(['crash.c']);
  });

  it('is refused when it and its files are more than 16 MiB', async () => {
    await files({ 'crash.c': '#include "big.h"\n', 'big.h': Buffer.alloc(16 << 20, 10) });
    await expect(collectReproducer(join(folder, 'crash.c'))).rejects.toThrow(
      /big\.h: 16777216 bytes; the limit/,
    );
  });
});

describe('any other reproducer', () => {
  it('is a shell script', async () => {
    await files({ 'check.sh': 'grep -q 1 /proc/sys/fs/protected_symlinks\n#include "x.h"\n', 'x.h': '' });
    const { reproducer } = await collectReproducer(join(folder, 'check.sh'));
    expect(reproducer).toMatchObject({ kind: Reproducer_Kind.KIND_SHELL, entry: 'check.sh' });
    expect(reproducer.files).toHaveLength(1);
  });

  it.each([
    ['a program', { prog: Buffer.from('\x7fELF\0\0') }, 'prog', /neither C \(NAME\.c\) nor a shell script/],
    ['a file that is not there', {}, 'none.sh', /none\.sh: no such file/],
    ['a folder', { 'dir/x': '' }, 'dir', /not a file/],
    [
      'a name that no initramfs should have',
      { 'a b.sh': '' },
      'a b.sh',
      /"a b\.sh" has characters other than/,
    ],
  ])('is refused when it is %s', async (_what, texts, name, reason) => {
    await files(texts);
    await expect(collectReproducer(join(folder, name))).rejects.toThrow(reason);
  });
});
