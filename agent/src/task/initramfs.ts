import { mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { KbisectError } from '@kbisect/shared/errors';
import {
  Reproducer_Kind,
  type BlobRef,
  type BootTest,
  type NamedBlob,
  type Reproducer,
} from '@kbisect/shared/gen/kbisect/v1/job';
import type { Arch } from '../boot/arch.js';
import { packAction, packInitramfs, type Packing, type ReproducerKind } from '../initramfs/pack.js';
import { blobOf, outputFile } from './output-file.js';
import type { Slot } from './slot.js';

/** A file on this machine and its name in the cache. */
export interface CachedFile {
  readonly path: string;
  readonly blob: BlobRef;
}

/**
 * The initramfs of a reproducer, from the cache when an agent has packed it before: all trials of a job then run the same
 * bytes.
 * @throws KbisectError `invalid-argument` with the compiler's words when the reproducer does not compile
 */
export async function packOrFetchInitramfs(
  test: BootTest,
  arch: Arch,
  slot: Slot,
  signal: AbortSignal,
): Promise<CachedFile> {
  const { reproducer } = test;
  if (reproducer === undefined) throw new KbisectError('internal', 'a boot test without a reproducer');
  const packing = packingOf(reproducer, test);
  const action = await packAction(arch, packing);
  const path = join(slot.directory, 'initramfs');

  const result = await slot.artifacts.actionResult(action, signal);
  const known = result && blobOf(result, 'initramfs');
  if (known) {
    await slot.fetch(known, path, signal);
    return { path, blob: known };
  }
  const directory = join(slot.directory, 'reproducer');
  const system = join(slot.directory, 'system');
  await bring(reproducer.files, directory, slot, signal);
  await bring(reproducer.system, system, slot, signal);
  const initramfs = test.initramfs?.blob && join(slot.directory, 'users-initramfs');
  if (test.initramfs?.blob && initramfs)
    await slot.artifacts.download(test.initramfs.blob, initramfs, signal);
  try {
    await packInitramfs(arch, packing, { directory, system, initramfs }, slot.directory, path, signal);
  } finally {
    if (initramfs) await rm(initramfs, { force: true });
  }
  const blob = await slot.artifacts.upload(path, signal);
  const outputFiles = [outputFile('initramfs', blob)];
  await slot.artifacts.recordAction(action, { outputFiles, exitCode: 0, stderrRaw: Buffer.alloc(0) }, signal);
  return { path, blob };
}

function packingOf({ kind, entry, sources, files, system }: Reproducer, test: BootTest): Packing {
  const named = (blobs: readonly NamedBlob[]) =>
    blobs.map(({ name, blob }) => ({ name, digest: blob?.digest ?? '' }));
  return {
    kind: kindOf(kind),
    entry,
    sources,
    files: named(files),
    system: named(system),
    initramfs: test.initramfs?.blob?.digest,
    onDisk: test.disk !== undefined,
  };
}

function kindOf(kind: Reproducer_Kind): ReproducerKind {
  switch (kind) {
    case Reproducer_Kind.KIND_C:
      return 'c';
    case Reproducer_Kind.KIND_SHELL:
      return 'shell';
    case Reproducer_Kind.KIND_PROGRAM:
      return 'program';
    case Reproducer_Kind.KIND_SYZKALLER:
      return 'syzkaller';
    case Reproducer_Kind.KIND_INIT:
      return 'init';
    case Reproducer_Kind.KIND_UNSPECIFIED:
      throw new KbisectError('internal', 'a reproducer of no kind');
  }
}

/** Puts blobs below a directory that holds nothing else. */
async function bring(
  blobs: readonly NamedBlob[],
  directory: string,
  slot: Slot,
  signal: AbortSignal,
): Promise<void> {
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true });
  for (const { name, blob } of blobs) {
    if (blob === undefined) continue;
    const place = join(directory, name);
    await mkdir(dirname(place), { recursive: true });
    await slot.artifacts.download(blob, place, signal);
  }
}
