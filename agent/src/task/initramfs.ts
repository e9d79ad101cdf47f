import { mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { KbisectError } from '@kbisect/shared/errors';
import { OutputFile } from '@kbisect/shared/gen/build/bazel/remote/execution/v2/remote_execution';
import { Reproducer_Kind, type BlobRef, type BootTest } from '@kbisect/shared/gen/kbisect/v1/job';
import { packAction, packInitramfs } from '../initramfs/pack.js';
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
  slot: Slot,
  signal: AbortSignal,
): Promise<CachedFile> {
  const { reproducer } = test;
  if (reproducer === undefined) throw new KbisectError('internal', 'a boot test without a reproducer');
  const kind = reproducer.kind === Reproducer_Kind.KIND_C ? 'c' : 'shell';
  const files = reproducer.files.map(({ name, blob }) => ({ name, digest: blob?.digest ?? '' }));
  const action = await packAction(files, kind, reproducer.entry);
  const path = join(slot.directory, 'initramfs');

  const known = (await slot.artifacts.actionResult(action, signal))?.outputFiles[0]?.digest;
  if (known) {
    const blob = { digest: known.hash, size: known.sizeBytes };
    await slot.fetch(blob, path, signal);
    return { path, blob };
  }
  const directory = join(slot.directory, 'reproducer');
  await rm(directory, { recursive: true, force: true });
  for (const { name, blob } of reproducer.files) {
    if (blob === undefined) continue;
    const place = join(directory, name);
    await mkdir(dirname(place), { recursive: true });
    await slot.artifacts.download(blob, place, signal);
  }
  await packInitramfs({ kind, entry: reproducer.entry, directory }, slot.directory, path, signal);
  const blob = await slot.artifacts.upload(path, signal);
  await slot.artifacts.recordAction(
    action,
    {
      outputFiles: [
        OutputFile.create({ path: 'initramfs', digest: { hash: blob.digest, sizeBytes: blob.size } }),
      ],
      exitCode: 0,
      stderrRaw: Buffer.alloc(0),
    },
    signal,
  );
  return { path, blob };
}
