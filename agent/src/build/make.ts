import { delimiter } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from '@kbisect/shared/process';
import type { Ccache } from './ccache.js';
import { RELAY, relayed, type CacheProxy } from './cache-proxy.js';
import { contained, placeOf, type Sandbox } from './sandbox.js';
import type { Toolchain } from './toolchain.js';

/** Changed when images would come out different for another reason than their source, config or toolchain. */
export const BUILD_ENVIRONMENT = 2;

/** Programs that stand before the machine's own, where those draw at random. */
const BUILD_PATH = fileURLToPath(new URL('../../build-path', import.meta.url));

/** With what, and contained how, a tree is built. */
export interface Workbench {
  readonly tree: string;
  readonly toolchain: Toolchain;
  readonly sandbox: Sandbox;
  readonly ccache: Ccache | undefined;
  /** The way to the farm's objects, while it has any. */
  readonly objects: CacheProxy | undefined;
}

/**
 * A make in a kernel tree whose result depends on the tree alone: fixed time, user, host, version and language, and
 * no path of this machine in the objects.
 */
export function makeCommand(bench: Workbench, args: readonly string[], more: Partial<Command> = {}): Command {
  const { tree, toolchain, sandbox, ccache, objects } = bench;
  const place = placeOf(tree, sandbox);
  const mapped = `-ffile-prefix-map=${place}/=`;
  const places = [BUILD_PATH, ...(ccache ? [ccache.bin] : []), process.env['PATH'] ?? '/usr/bin:/bin'];
  const make = {
    program: 'make',
    args: [
      `ARCH=${toolchain.arch}`,
      ...toolchain.make,
      'LOCALVERSION=',
      `KCFLAGS=${mapped}`,
      `KAFLAGS=${mapped}`,
      ...args,
    ],
  };
  const command = ccache && objects ? relayed(make, sandbox, objects) : make;
  return {
    ...contained(command, sandbox, {
      tree,
      writable: ccache ? [ccache.store] : [],
      readable: [BUILD_PATH, ...(ccache?.readable ?? []), ...(objects ? [objects.directory, RELAY] : [])],
    }),
    env: {
      PATH: places.join(delimiter),
      LC_ALL: 'C',
      TZ: 'UTC',
      HOME: '/nonexistent',
      KBUILD_BUILD_TIMESTAMP: 'Thu Jan  1 00:00:00 UTC 1970',
      KBUILD_BUILD_USER: 'kbisect',
      KBUILD_BUILD_HOST: 'kbisect',
      KBUILD_BUILD_VERSION: '1',
      // For what the compiler is asked to date.
      SOURCE_DATE_EPOCH: '0',
      // Commits differ in their id: it must not get into the image.
      GIT_DIR: '/nonexistent',
      ...ccache?.environment(place, toolchain, objects?.urlFor(sandbox)),
    },
    graceMs: 5000,
    ...more,
  };
}
