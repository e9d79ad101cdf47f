import {
  Compressor_Value,
  DigestFunction_Value,
  SymlinkAbsolutePathStrategy_Value,
  type CapabilitiesServer,
} from '@kbisect/shared/gen/build/bazel/remote/execution/v2/remote_execution';
import type { Logger } from '@kbisect/shared/log';
import { unary } from '../handler.js';
import { MAX_BATCH_BYTES } from './limits.js';

/**
 * What this cache can do.
 * @param maxBlobBytes a bigger blob is never taken
 */
export function capabilitiesService(maxBlobBytes: number, log: Logger): CapabilitiesServer {
  const version = { major: 2, minor: 0, patch: 0, prerelease: '' };
  const compressors = [Compressor_Value.IDENTITY, Compressor_Value.ZSTD];
  return {
    getCapabilities: unary(log, () => ({
      cacheCapabilities: {
        digestFunctions: [DigestFunction_Value.SHA256],
        actionCacheUpdateCapabilities: { updateEnabled: true },
        maxBatchTotalSizeBytes: MAX_BATCH_BYTES,
        symlinkAbsolutePathStrategy: SymlinkAbsolutePathStrategy_Value.ALLOWED,
        supportedCompressors: compressors,
        supportedBatchUpdateCompressors: compressors,
        maxCasBlobSizeBytes: maxBlobBytes,
      },
      lowApiVersion: version,
      highApiVersion: { ...version, minor: 3 },
    })),
  };
}
