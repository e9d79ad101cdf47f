import { readFile } from 'node:fs/promises';
import { KbisectError, systemCode } from '@kbisect/shared/errors';
import { runText } from '@kbisect/shared/process';
import { crossPrefix, type Arch } from '../boot/arch.js';

const BUSYBOX = '/bin/busybox';

/** The static busybox of an architecture. @throws KbisectError `missing-tool` */
export async function readBusybox(arch: Arch): Promise<Buffer> {
  // Debian has no package that puts another architecture's beside this machine's own.
  const foreign = crossPrefix(arch).replace(/-$/, '');
  const path = foreign === '' ? BUSYBOX : `/usr/${foreign}/bin/busybox`;
  try {
    return await readFile(path);
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
    throw new KbisectError(
      'missing-tool',
      foreign === ''
        ? `${path} is missing on this agent: apt-get install busybox-static`
        : `${path} is missing on this agent: put it there from Debian's busybox-static:${arch.name}`,
    );
  }
}

/** The names that busybox goes by, as this machine's own says. */
export async function applets(): Promise<string[]> {
  const names = (await runText({ program: BUSYBOX, args: ['--list'] })).split('\n');
  return names.filter((name) => name !== 'busybox').sort();
}
