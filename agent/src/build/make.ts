import type { Command } from '@kbisect/shared/process';
import { archOf, crossPrefix } from '../boot/arch.js';

/** Changed when images would come out different for another reason than their source, config or toolchain. */
export const BUILD_ENVIRONMENT = 1;

/**
 * A make in a kernel tree whose result depends on the tree alone: fixed time, user, host, version and language, and
 * no path of this machine in the objects.
 */
export function makeCommand(
  tree: string,
  arch: string,
  args: readonly string[],
  more: Partial<Command> = {},
): Command {
  const known = archOf(arch);
  const cross = known === undefined ? '' : crossPrefix(known);
  const mapped = `-ffile-prefix-map=${tree}/=`;
  return {
    program: 'make',
    args: [
      `ARCH=${arch}`,
      `CROSS_COMPILE=${cross}`,
      'LOCALVERSION=',
      `KCFLAGS=${mapped}`,
      `KAFLAGS=${mapped}`,
      ...args,
    ],
    cwd: tree,
    env: {
      PATH: process.env['PATH'] ?? '/usr/bin:/bin',
      LC_ALL: 'C',
      TZ: 'UTC',
      HOME: '/nonexistent',
      KBUILD_BUILD_TIMESTAMP: 'Thu Jan  1 00:00:00 UTC 1970',
      KBUILD_BUILD_USER: 'kbisect',
      KBUILD_BUILD_HOST: 'kbisect',
      KBUILD_BUILD_VERSION: '1',
      // Commits differ in their id: it must not get into the image.
      GIT_DIR: '/nonexistent',
    },
    ...more,
  };
}
