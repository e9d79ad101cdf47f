import { createWriteStream } from 'node:fs';
import { access, constants, open } from 'node:fs/promises';
import { finished } from 'node:stream/promises';
import { KbisectError } from '@kbisect/shared/errors';
import { run } from '@kbisect/shared/process';
import { BuildProgress, failureSignature, firstError, machineTrouble } from './build-log.js';
import { makeCommand, type Workbench } from './make.js';
import { roomIn } from './room.js';

const MAX_LOG = 32 * 1024 * 1024;
const MAX_BUILD_MS = 6 * 3600 * 1000;
/** What a build leaves of the disk to others; a build that takes more is ended. */
const RESERVE = 1024 ** 3;
const LOOK_EVERY_MS = 1000;
/** How far a build is goes to the coordinator and to all who watch: not with each line. */
const TELL_EVERY_MS = 250;

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
  /** Bytes that have to stay free; default 1 GiB. */
  readonly reserve?: number;
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
  const { bench, target, jobs, logPath, signal, onProgress, reserve = RESERVE } = request;
  const log = createWriteStream(logPath);
  const full = new AbortController();
  const look = setInterval(() => {
    void roomIn(bench.tree).then(
      (room) => room < reserve && full.abort(),
      () => undefined, // the next look tells
    );
  }, LOOK_EVERY_MS);
  const progress = new BuildProgress();
  let logged = 0;
  let told = -Infinity;
  const command = makeCommand(bench, [`-j${jobs}`, target], {
    signal: AbortSignal.any([signal, full.signal]),
    timeoutMs: MAX_BUILD_MS,
    onOutput: (chunk) => {
      logged += chunk.length;
      if (logged <= MAX_LOG) log.write(chunk);
      const fraction = progress.take(chunk.toString('latin1'));
      if (performance.now() < told + TELL_EVERY_MS) return;
      told = performance.now();
      onProgress(fraction);
    },
  });
  try {
    const done = await run(command);
    if (done.timedOut)
      throw new KbisectError('command-failed', `the build took more than ${MAX_BUILD_MS / 3600_000} h`);
    if (done.signal)
      throw new KbisectError('command-failed', `make was killed by ${done.signal}; is memory short?`);
    if (done.status === 0) return { kind: 'built' };
  } catch (error) {
    if (full.signal.aborted && !signal.aborted) {
      throw new KbisectError(
        'resource-exhausted',
        `the build was ended: less than ${reserve} bytes were left of the disk`,
        {
          cause: error,
        },
      );
    }
    throw error;
  } finally {
    clearInterval(look);
    log.end();
    await finished(log);
  }
  const text = await readEnds(logPath);
  const trouble = machineTrouble(text);
  if (trouble) {
    // Anything may be printed by a build: of the disk it is looked at.
    const code =
      trouble.of === 'disk' && (await isUnfit(bench.tree)) ? 'resource-exhausted' : 'command-failed';
    throw new KbisectError(code, `the build failed for want of ${trouble.of}: ${trouble.line}`);
  }
  return { kind: 'failed', firstError: firstError(text), signature: failureSignature(text) };
}

/** Whether nothing can be written there, or hardly anything. */
async function isUnfit(directory: string): Promise<boolean> {
  const writable = await access(directory, constants.W_OK).then(
    () => true,
    () => false,
  );
  return !writable || (await roomIn(directory)) < RESERVE;
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
