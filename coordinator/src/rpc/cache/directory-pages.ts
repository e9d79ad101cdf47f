import { buffer } from 'node:stream/consumers';
import { Readable } from 'node:stream';
import { fromProtocol, type BlobName } from '@kbisect/shared/cache/blob-name';
import type { BlobStore } from '@kbisect/shared/cache/blob-store';
import type { Digest } from '@kbisect/shared/digest';
import { KbisectError } from '@kbisect/shared/errors';
import {
  Directory,
  type GetTreeRequest,
  type GetTreeResponse,
} from '@kbisect/shared/gen/build/bazel/remote/execution/v2/remote_execution';

const PAGE = 100;
const MAX_DIRECTORIES = 1_000_000;
const MAX_DIRECTORY_BYTES = 4 * 2 ** 20;

/**
 * A directory and all below it, breadth first, each once, in pages. What is missing below the root is left out.
 * @throws KbisectError `not-found` when the root is not here, `invalid-argument` when it is no directory
 */
export async function* directoryPages(
  request: GetTreeRequest,
  blobs: BlobStore,
): AsyncIterable<GetTreeResponse> {
  const root = fromProtocol(request.rootDigest);
  const pageSize = request.pageSize > 0 ? Math.min(request.pageSize, 10 * PAGE) : PAGE;
  let skip = tokenOf(request.pageToken);
  let sent = skip;
  let page: Directory[] = [];
  for await (const directory of below(root, blobs)) {
    if (skip > 0) {
      skip -= 1;
      continue;
    }
    if (page.length === pageSize) {
      sent += page.length;
      yield { directories: page, nextPageToken: String(sent) };
      page = [];
    }
    page.push(directory);
  }
  yield { directories: page, nextPageToken: '' };
}

async function* below(root: BlobName, blobs: BlobStore): AsyncIterable<Directory> {
  const seen = new Set<Digest>([root.digest]);
  const queue = [root];
  for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
    let directory: Directory;
    try {
      directory = await readDirectory(name, blobs);
    } catch (error) {
      if (name !== root && error instanceof KbisectError && error.code === 'not-found') continue;
      throw error;
    }
    yield directory;
    for (const { digest } of directory.directories) {
      const child = fromProtocol(digest);
      if (seen.has(child.digest)) continue;
      seen.add(child.digest);
      queue.push(child);
    }
    if (seen.size > MAX_DIRECTORIES)
      throw new KbisectError('resource-exhausted', 'the tree has too many directories');
  }
}

async function readDirectory(name: BlobName, blobs: BlobStore): Promise<Directory> {
  if (name.size > MAX_DIRECTORY_BYTES) {
    throw new KbisectError('invalid-argument', `blob ${name.digest} is too big for a directory`);
  }
  const bytes = await buffer(Readable.from(blobs.get(name)));
  try {
    return Directory.decode(bytes);
  } catch (error) {
    throw new KbisectError('invalid-argument', `blob ${name.digest} is no directory`, { cause: error });
  }
}

function tokenOf(text: string): number {
  if (!/^\d{0,7}$/.test(text))
    throw new KbisectError('invalid-argument', 'a page token that was never given');
  return Number(text);
}
