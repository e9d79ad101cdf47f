import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HARNESS } from '@kbisect/agent/initramfs/compile';
import { runText } from '@kbisect/shared/process';

/** The READ(16) test in the other forms in which users bring theirs, each made by the tools that they would use. */
export interface UsersFiles {
  /** Linked dynamically, to a library of its own beside it. */
  readonly dynamicProgram: string;
  /** A script, the program that it calls, and the disk image that both of them run on. */
  readonly script: string;
  readonly staticProgram: string;
  readonly disk: string;
  /** Its init is the test; packed by lz4. */
  readonly initramfs: string;
}

/**
 * @param test the reproducer, in C
 * @param init a main for it
 */
export async function usersFiles(test: string, init: string, directory: string): Promise<UsersFiles> {
  const at = (name: string) => join(directory, name);
  const gcc = (...args: string[]) =>
    runText({ program: 'gcc', args: ['-D_GNU_SOURCE', '-I', HARNESS, ...args] });
  await mkdir(at('root/bin'), { recursive: true });

  await gcc('-shared', '-fPIC', '-o', at('libread16.so'), test);
  const library = ['-L', directory, '-lread16', '-Wl,-rpath,$ORIGIN'];
  await gcc('-o', at('read16-dynamic'), init, ...library);
  await gcc('-static', '-o', at('read16-static'), init, test);

  const script = 'read -r line < /greeting && [ "$line" = hello ] && echo x > /mark && exec read16-static\n';
  await writeFile(at('on-disk.sh'), script);
  await writeFile(at('root/greeting'), 'hello\n');
  await runText({ program: 'cp', args: ['/bin/busybox', at('root/bin/sh')] });
  await runText({
    program: 'mke2fs',
    args: ['-q', '-F', '-t', 'ext2', '-d', at('root'), at('disk.img'), '8M'],
  });

  await runText({ program: 'cp', args: [at('read16-static'), at('root/init')] });
  const archive = ['-o', '--quiet', '-H', 'newc', '-F', at('users.cpio')];
  await runText({ program: 'cpio', args: archive, cwd: at('root'), input: 'init\n' });
  await runText({ program: 'lz4', args: ['-q', '-f', '-l', at('users.cpio'), at('users.cpio.lz4')] });
  return {
    dynamicProgram: at('read16-dynamic'),
    script: at('on-disk.sh'),
    staticProgram: at('read16-static'),
    disk: at('disk.img'),
    initramfs: at('users.cpio.lz4'),
  };
}
