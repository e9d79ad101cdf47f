import type { Accelerator } from '../boot/arch.js';
import type { CacheProxy } from '../build/cache-proxy.js';
import type { Ccache } from '../build/ccache.js';
import type { Sandbox } from '../build/sandbox.js';
import type { Toolchain } from '../build/toolchain.js';
import type { Slot } from './slot.js';

/** What a slot needs to build and boot. */
export interface BootMeans {
  readonly slot: Slot;
  /** By Linux's name of the architecture. */
  readonly accelerators: ReadonlyMap<string, Accelerator>;
  readonly toolchains: readonly Toolchain[];
  readonly sandbox: Sandbox;
  readonly ccache: Ccache | undefined;
  readonly objects: CacheProxy | undefined;
  /** Whether access times tell what was read. */
  readonly readsShow: boolean;
  /** Processes that a build may use. */
  readonly jobs: number;
}
