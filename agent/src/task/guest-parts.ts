import { open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DISK_HEADER, diskFormat } from '@kbisect/shared/disk-image';
import type { BootTest } from '@kbisect/shared/gen/kbisect/v1/job';
import type { GuestFiles } from '../boot/machine.js';
import { inLoadingOrder, modulesArchive } from '../initramfs/modules.js';
import type { Slot } from './slot.js';

/** A module of a build: its path in the tree, and where its file is now. */
export interface BuiltModule {
  readonly name: string;
  readonly path: string;
}

/** Modules as a guest gets them. */
export interface GuestModules {
  /** Archives that go behind the initramfs: one or none. */
  readonly archives: readonly string[];
  /** Paths in the guest, in the order in which they are loaded. */
  readonly paths: readonly string[];
}

/** @throws KbisectError `invalid-argument` when a module depends on one that the job does not name */
export async function guestModules(modules: readonly BuiltModule[], slot: Slot): Promise<GuestModules> {
  if (modules.length === 0) return { archives: [], paths: [] };
  const read = modules.map(async ({ name, path }) => ({ path: name, bytes: await readFile(path) }));
  const { bytes, paths } = modulesArchive(inLoadingOrder(await Promise.all(read)));
  const archive = join(slot.directory, 'modules');
  await writeFile(archive, bytes);
  return { archives: [archive], paths };
}

/** The job's disk image, brought here once; undefined when it has none. @throws KbisectError for an unsafe qcow2 */
export async function guestDisk(
  test: BootTest,
  slot: Slot,
  signal: AbortSignal,
): Promise<GuestFiles['disk']> {
  if (test.disk?.blob === undefined) return undefined;
  const path = join(slot.directory, 'disk');
  await slot.fetch(test.disk.blob, path, signal);
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(DISK_HEADER), 0, DISK_HEADER, 0);
    return { path, format: diskFormat(buffer.subarray(0, bytesRead)) };
  } finally {
    await file.close();
  }
}
