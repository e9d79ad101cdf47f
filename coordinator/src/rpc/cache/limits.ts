import { KbisectError } from '@kbisect/shared/errors';
import { DigestFunction_Value } from '@kbisect/shared/gen/build/bazel/remote/execution/v2/remote_execution';

/** Of all blobs of one batch call together; with their names they must fit into one message. */
export const MAX_BATCH_BYTES = 4 * 2 ** 20 - 64 * 1024;

/** @throws KbisectError `invalid-argument` for any but SHA-256, which is also what silence means */
export function checkDigestFunction(value: DigestFunction_Value): void {
  if (value === DigestFunction_Value.UNKNOWN || value === DigestFunction_Value.SHA256) return;
  throw new KbisectError('invalid-argument', `digest function ${value}: this cache knows SHA256 alone`);
}
