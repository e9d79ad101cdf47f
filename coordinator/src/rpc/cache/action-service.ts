import { buffer } from 'node:stream/consumers';
import { Readable } from 'node:stream';
import type { ActionCache } from '@kbisect/shared/cache/action-cache';
import { fromProtocol } from '@kbisect/shared/cache/blob-name';
import type { BlobStore } from '@kbisect/shared/cache/blob-store';
import { digest } from '@kbisect/shared/digest';
import { KbisectError } from '@kbisect/shared/errors';
import type {
  ActionCacheServer,
  ActionResult,
  Digest as ProtoDigest,
  GetActionResultRequest,
} from '@kbisect/shared/gen/build/bazel/remote/execution/v2/remote_execution';
import type { Logger } from '@kbisect/shared/log';
import { unary } from '../handler.js';
import { checkDigestFunction } from './limits.js';

/** Of one answer; what does not fit is fetched by its digest. */
const MAX_INLINE_BYTES = 2 ** 20;

/** What is known of actions. */
export function actionService(actions: ActionCache, blobs: BlobStore, log: Logger): ActionCacheServer {
  return {
    getActionResult: unary(log, async (request) => {
      checkDigestFunction(request.digestFunction);
      const result = await actions.get(digest(request.actionDigest?.hash ?? ''));
      if (result === undefined) throw new KbisectError('not-found', 'no result is known of this action');
      return inline(result, request, blobs);
    }),
    updateActionResult: unary(log, async (request) => {
      checkDigestFunction(request.digestFunction);
      if (request.actionResult === undefined) {
        throw new KbisectError('invalid-argument', 'an action without a result');
      }
      await actions.put(digest(request.actionDigest?.hash ?? ''), request.actionResult);
      return request.actionResult;
    }),
  };
}

/** Puts the contents that the client asked for into the result, as far as they are small. */
async function inline(
  result: ActionResult,
  request: GetActionResultRequest,
  blobs: BlobStore,
): Promise<ActionResult> {
  let left = MAX_INLINE_BYTES;
  const contents = async (name: ProtoDigest | undefined): Promise<Buffer> => {
    if (name === undefined || name.sizeBytes > left) return Buffer.alloc(0);
    left -= name.sizeBytes;
    return buffer(Readable.from(blobs.get(fromProtocol(name))));
  };
  const inlined = { ...result };
  if (request.inlineStdout && result.stdoutRaw.length === 0)
    inlined.stdoutRaw = await contents(result.stdoutDigest);
  if (request.inlineStderr && result.stderrRaw.length === 0)
    inlined.stderrRaw = await contents(result.stderrDigest);
  const wanted = new Set(request.inlineOutputFiles);
  inlined.outputFiles = [];
  for (const file of result.outputFiles) {
    const take = wanted.has(file.path) && file.contents.length === 0;
    inlined.outputFiles.push(take ? { ...file, contents: await contents(file.digest) } : file);
  }
  return inlined;
}
