import { createWriteStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { finished } from 'node:stream/promises';
import { KbisectError } from '@kbisect/shared/errors';
import { run } from '@kbisect/shared/process';
import { BuildProgress, failureSignature, firstError, machineTrouble } from './build-log.js';
import { makeCommand, type Workbench } from './make.js';

const MAX_LOG = 32 * 1024 * 1024;
const MAX_BUILD_MS = 6 * 3600 * 1000;

export interface BuildRequest {
  readonly bench: Workbench;
  /** What make is asked for, such as `bzImage`. */
  readonly target: string;
  /** Processes side by side. */
  readonly jobs: number;
  /** File that takes the log. */
  readonly logPath: string;
  readonly signal: AbortSignal;
  readonly onProgress: (fraction: number) => void;
}

/** What came of a build of a commit. */
export type BuildOutcome =
  | { readonly kind: 'built' }
  | { readonly kind: 'failed'; readonly firstError: string; readonly signature: string };

/**
 * Builds the kernel in a configured tree.
 * @throws KbisectError when what failed is this machine and not the commit: `resource-exhausted` when the disk is full,
 *   `command-failed` when memory or time gave out, which a commit may be the cause of, `cancelled`, `missing-tool`
 */
export async function buildKernel(request: BuildRequest): Promise<BuildOutcome> {
  const { bench, target, jobs, logPath, signal, onProgress } = request;
  const log = createWriteStream(logPath);
  const progress = new BuildProgress();
  let logged = 0;
  const command = makeCommand(bench, [`-j${jobs}`, target], {
    signal,
    timeoutMs: MAX_BUILD_MS,
    onOutput: (chunk) => {
      logged += chunk.length;
      if (logged <= MAX_LOG) log.write(chunk);
      onProgress(progress.take(chunk.toString('latin1')));
    },
  });
  try {
    const done = await run(command);
    if (done.timedOut)
      throw new KbisectError('command-failed', `the build took more than ${MAX_BUILD_MS / 3600_000} h`);
    if (done.signal)
      throw new KbisectError('command-failed', `make was killed by ${done.signal}; is memory short?`);
    if (done.status === 0) return { kind: 'built' };
  } finally {
    log.end();
    await finished(log);
  }
  const text = await readEnds(logPath);
  const trouble = machineTrouble(text);
  if (trouble) {
    const code = trouble.of === 'disk' ? 'resource-exhausted' : 'command-failed';
    throw new KbisectError(code, `the build failed for want of ${trouble.of}: ${trouble.line}`);
  }
  return { kind: 'failed', firstError: firstError(text), signature: failureSignature(text) };
}

/** The file's text; of a long one its last megabytes, where the errors are. */
async function readEnds(path: string): Promise<string> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const length = Math.min(size, 8 * 1024 * 1024);
    const { buffer } = await file.read({ buffer: Buffer.alloc(length), position: size - length });
    return buffer.toString('utf8');
  } finally {
    await file.close();
  }
}
