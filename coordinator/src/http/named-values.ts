import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { ActionCache } from '@kbisect/shared/cache/action-cache';
import { fromProtocol, toProtocol, type BlobName } from '@kbisect/shared/cache/blob-name';
import type { BlobStore } from '@kbisect/shared/cache/blob-store';
import { fullDisk } from '@kbisect/shared/cache/durable-file';
import { digest, digestOf, type Digest } from '@kbisect/shared/digest';
import {
  ActionResult,
  OutputFile,
} from '@kbisect/shared/gen/build/bazel/remote/execution/v2/remote_execution';

/** An action's result is no bigger. */
const MAX_RESULT_BYTES = 4 * 2 ** 20;
/** A value that says beforehand that it is no bigger, as most objects of ccache are, is taken in without a file of its own. */
const MAX_BYTES_IN_MEMORY = 256 * 1024;

/** What is known under a key of the HTTP door: an action's result, or any bytes, as ccache keeps them. */
export type NamedValue = { kind: 'result'; bytes: Uint8Array } | { kind: 'blob'; blob: BlobName };

/**
 * Values by key, for clients that speak plain HTTP. Bazel's are action results, the same that gRPC gives; any other
 * value is a blob, named by a result of its own, so that equal values are kept once and bounded like all else.
 */
export class NamedValues {
  /** @param incoming a directory for values on their way in, emptied at each start */
  constructor(
    private readonly actions: ActionCache,
    private readonly blobs: BlobStore,
    private readonly incoming: string,
  ) {}

  async get(key: string): Promise<NamedValue | undefined> {
    const named = (await this.actions.get(actionOf(key)))?.outputFiles[0]?.digest;
    if (named !== undefined) return { kind: 'blob', blob: fromProtocol(named) };
    const result = isDigest(key) ? await this.actions.get(digest(key)) : undefined;
    return result && { kind: 'result', bytes: ActionResult.encode(result).finish() };
  }

  /**
   * @param length of the bytes, as far as it is known beforehand
   * @throws KbisectError `resource-exhausted`; `invalid-argument` when an action's result names no blobs
   */
  async put(key: string, bytes: AsyncIterable<Uint8Array>, length = Infinity): Promise<void> {
    if (length <= MAX_BYTES_IN_MEMORY) {
      const value = await buffer(bytes);
      await this.#keep(
        key,
        { digest: digestOf(value), size: value.length },
        {
          whole: () => Promise.resolve(value),
          parts: () => Readable.from([value]),
        },
      );
      return;
    }
    const path = join(this.incoming, randomUUID());
    try {
      const blob = await receive(bytes, path);
      await this.#keep(key, blob, { whole: () => readFile(path), parts: () => createReadStream(path) });
    } catch (error) {
      throw fullDisk(error, key);
    } finally {
      await rm(path, { force: true });
    }
  }

  async #keep(key: string, blob: BlobName, value: Received): Promise<void> {
    const result = isDigest(key) && blob.size <= MAX_RESULT_BYTES ? asResult(await value.whole()) : undefined;
    if (result !== undefined) {
      await this.actions.put(digest(key), result);
      return;
    }
    await this.blobs.put(blob, value.parts());
    const outputFiles = [OutputFile.create({ path: 'value', digest: toProtocol(blob) })];
    await this.actions.put(actionOf(key), ActionResult.create({ outputFiles }));
  }
}

/** A value that has come. */
interface Received {
  whole(): Promise<Buffer>;
  parts(): AsyncIterable<Uint8Array>;
}

/** Writes bytes to a file and tells their name; they are not durable. */
async function receive(bytes: AsyncIterable<Uint8Array>, path: string): Promise<BlobName> {
  const hash = createHash('sha256');
  let size = 0;
  const file = await open(path, 'wx');
  try {
    for await (const chunk of bytes) {
      hash.update(chunk);
      size += chunk.length;
      await file.appendFile(chunk);
    }
  } finally {
    await file.close();
  }
  return { digest: digest(hash.digest('hex')), size };
}

function actionOf(key: string): Digest {
  return digestOf(JSON.stringify(['http value', key]));
}

function isDigest(key: string): boolean {
  return /^[0-9a-f]{64}$/.test(key);
}

/** An action's result, when the bytes are one down to the last: those of a ccache are not. */
function asResult(bytes: Buffer): ActionResult | undefined {
  try {
    const result = ActionResult.decode(bytes);
    return Buffer.from(ActionResult.encode(result).finish()).equals(bytes) ? result : undefined;
  } catch {
    return undefined;
  }
}
