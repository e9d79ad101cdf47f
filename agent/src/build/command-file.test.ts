import { describe, expect, it } from 'vitest';
import { parseCommandFile } from './command-file.js';
import { filesOutOfMakesSight, objectsToCompile } from './rebuilt.js';

describe('a .cmd file of kbuild', () => {
  it.each(['cmd', 'savedcmd'])('says what an object was compiled from (%s_)', (word) => {
    const text = [
      `${word}_kernel/fork.o := gcc -Wp,-MMD,kernel/.fork.o.d -I./arch/x86/include -I ./include -c -o kernel/fork.o kernel/fork.c`,
      '',
      'source_kernel/fork.o := kernel/fork.c',
      '',
      'deps_kernel/fork.o := \\',
      '    $(wildcard include/config/SMP) \\',
      '  include/linux/kconfig.h \\',
      '  /usr/lib/gcc/x86_64-linux-gnu/12/include/stddef.h \\',
      '  arch/x86/include/../include/asm/page.h \\',
      '',
      'kernel/fork.o: $(deps_kernel/fork.o)',
      '',
    ].join('\n');
    const file = parseCommandFile('kernel/.fork.o.cmd', text);
    expect(file.target).toBe('kernel/fork.o');
    expect(file.needs).toEqual(['kernel/fork.c', 'include/linux/kconfig.h', 'arch/x86/include/asm/page.h']);
    expect(file.includePlaces).toEqual(['arch/x86/include', 'include']);
  });

  it('says what a generated file was made with', () => {
    const text = 'cmd_lib/crc32table.h := lib/gen_crc32table > lib/crc32table.h\n';
    const file = parseCommandFile('lib/.crc32table.h.cmd', text);
    expect(file).toMatchObject({
      needs: [],
      words: expect.arrayContaining(['lib/gen_crc32table']) as string[],
    });
  });
});

describe('what a change rebuilds', () => {
  const record = {
    version: 2 as const,
    files: ['a.c', 'b.c', 'h.h', 'tool.sh'],
    makefiles: [],
    kconfig: [],
    tools: [3],
    objects: [
      { path: 'a.o', needs: [0, 2] },
      { path: 'b.o', needs: [1] },
    ],
    directories: [],
    includePlaces: ['include', ''],
    includeNames: ['linux/x.h'],
    absent: ['sub/near.h'],
    symbols: [],
    config: '0'.repeat(64),
    seconds: 1,
    compiled: 2,
  };

  it('is the objects that list a changed file', () => {
    expect(objectsToCompile(record, [{ status: 'M', path: 'h.h' }])).toBe(1);
    expect(objectsToCompile(record, [{ status: 'M', path: 'notes' }])).toBe(0);
  });

  it.each([
    ['M', 'tool.sh', true],
    ['A', 'include/linux/x.h', true],
    ['A', 'linux/x.h', true],
    ['A', 'sub/near.h', true],
    ['M', 'a.c', false],
    ['A', 'include/linux/y.h', false],
  ])('is not left to make for %s %s: %s', (status, path, unseen) => {
    expect(filesOutOfMakesSight(record, [{ status, path }]).length > 0).toBe(unseen);
  });
});
