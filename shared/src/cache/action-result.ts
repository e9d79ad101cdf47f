import { buffer } from 'node:stream/consumers';
import { Readable } from 'node:stream';
import { KbisectError } from '../errors.js';
import {
  Tree,
  type ActionResult,
  type Digest as ProtoDigest,
} from '../gen/build/bazel/remote/execution/v2/remote_execution.js';
import { fromProtocol, type BlobName } from './blob-name.js';
import type { BlobStore } from './blob-store.js';

/** A tree of directories that is bigger is not looked into. */
const MAX_TREE_BYTES = 16 * 2 ** 20;

/** The blobs that a result names itself. @throws KbisectError `invalid-argument` when it names one wrongly */
export function blobsOf(result: ActionResult): BlobName[] {
  return names([
    ...result.outputFiles.map((file) => file.digest ?? { hash: '', sizeBytes: 0 }),
    ...result.outputDirectories.map((directory) => directory.treeDigest ?? directory.rootDirectoryDigest),
    result.stdoutDigest,
    result.stderrDigest,
  ]);
}

/**
 * The blobs that a result's directories name: their files.
 * @throws KbisectError `not-found` when a tree is not in the store, `invalid-argument` when it is none
 */
export async function blobsOfTrees(result: ActionResult, blobs: BlobStore): Promise<BlobName[]> {
  const found: BlobName[] = [];
  for (const { treeDigest } of result.outputDirectories) {
    if (treeDigest === undefined) continue;
    const name = fromProtocol(treeDigest);
    if (name.size > MAX_TREE_BYTES) {
      throw new KbisectError(
        'invalid-argument',
        `the tree ${name.digest} is bigger than ${MAX_TREE_BYTES} bytes`,
      );
    }
    const { root, children } = decodeTree(await buffer(Readable.from(blobs.get(name))));
    const directories = root === undefined ? children : [root, ...children];
    found.push(...names(directories.flatMap(({ files }) => files.map((file) => file.digest))));
  }
  return found;
}

function decodeTree(bytes: Buffer): Tree {
  try {
    return Tree.decode(bytes);
  } catch (error) {
    throw new KbisectError('invalid-argument', 'a tree that is none', { cause: error });
  }
}

function names(digests: (ProtoDigest | undefined)[]): BlobName[] {
  return digests.flatMap((digest) => (digest === undefined ? [] : [fromProtocol(digest)]));
}
