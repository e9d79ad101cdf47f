import {
  OutputFile,
  type ActionResult,
} from '@kbisect/shared/gen/build/bazel/remote/execution/v2/remote_execution';
import type { BlobRef } from '@kbisect/shared/gen/kbisect/v1/job';

/** A blob as a file of an action's result. */
export function outputFile(path: string, { digest, size }: BlobRef): OutputFile {
  return OutputFile.create({ path, digest: { hash: digest, sizeBytes: size } });
}

/** The blob of a result's file; undefined when it has none of that path. */
export function blobOf(result: ActionResult, path: string): BlobRef | undefined {
  const found = result.outputFiles.find((file) => file.path === path)?.digest;
  return found && { digest: found.hash, size: found.sizeBytes };
}
