import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeBuildRecord, type BuildRecord } from '@kbisect/shared/build-record';
import { digestOfFile } from '@kbisect/shared/digest';
import { KbisectError } from '@kbisect/shared/errors';
import type { ActionResult } from '@kbisect/shared/gen/build/bazel/remote/execution/v2/remote_execution';
import { Progress_Phase } from '@kbisect/shared/gen/kbisect/v1/session';
import type { Arch } from '../boot/arch.js';
import type { BuildSource, BuildTree } from '../build/build-tree.js';
import { configure, UnconfigurableError, type ConfigRequest } from '../build/configure.js';
import { buildKernel } from '../build/kbuild.js';
import type { Workbench } from '../build/make.js';
import { roomIn } from '../build/room.js';
import { FixupConflict } from '../source/worktree.js';
import type { Report } from '../session/session.js';
import type { KnownImage } from './known-image.js';

/** Bytes that have to be free before a build begins. */
const ROOM = 2 * 1024 ** 3;

/** A build that is to be done here. */
export interface BuildOrder extends Pick<ConfigRequest, 'base' | 'profile' | 'fragments'> {
  readonly source: BuildSource;
  readonly arch: Arch;
  /** All but the tree. */
  readonly bench: Omit<Workbench, 'tree'>;
  readonly jobs: number;
  /** Paths of the modules that are built with the image. */
  readonly modules: readonly string[];
  /** An image that this one is known to be equal to, given the digest of the configuration. */
  readonly equal: (config: string) => Promise<KnownImage | undefined>;
  /** What came of the same source's build with the same configuration, given its digest. */
  readonly same: (config: string) => Promise<ActionResult | undefined>;
  /** Brings into an empty tree what was made elsewhere with the same configuration, given its digest. */
  readonly bring: (tree: BuildTree, config: string) => Promise<void>;
  readonly directory: string;
  /** Whether reads show in access times here; without them no record can be made. */
  readonly readsShow: boolean;
}

/** Files, and what became of the build. */
export type Built =
  | {
      readonly kind: 'image';
      readonly tree: string;
      /** What it consumed, and the file that says so. */
      readonly consumed: { readonly record: BuildRecord; readonly path: string } | undefined;
    }
  | { readonly kind: 'equal'; readonly known: KnownImage }
  | { readonly kind: 'same'; readonly result: ActionResult }
  | { readonly kind: 'failed'; readonly failure: string; readonly signature: string };

/**
 * Builds an image in a tree. Its log is `build.log` in the order's directory.
 * @throws KbisectError `resource-exhausted` when this machine has no room, and as `configure` and `buildKernel` do
 */
export async function buildImage(
  order: BuildOrder,
  tree: BuildTree,
  report: Report,
  signal: AbortSignal,
): Promise<Built> {
  const { source, arch, jobs, directory, modules } = order;
  const logPath = join(directory, 'build.log');
  const failed = async (failure: string, log: string, signature = failure): Promise<Built> => {
    await writeFile(logPath, log);
    return { kind: 'failed', failure, signature };
  };
  if ((await roomIn(directory)) < ROOM) {
    throw new KbisectError(
      'resource-exhausted',
      `less than 2 GiB are free in ${directory}; free some space on this agent`,
    );
  }
  report.progress(Progress_Phase.PHASE_CHECKOUT, 0);
  try {
    await tree.checkout(source, signal);
  } catch (error) {
    if (!(error instanceof FixupConflict)) throw error;
    return failed(error.message, error.message);
  }
  const bench = { ...order.bench, tree: tree.directory };
  let [began, seconds] = [0, 0];
  let asked: readonly string[] = [];
  const configPath = join(tree.directory, '.config');
  /** Gives what is wrong, if anything is. */
  const configured = async (): Promise<Built | undefined> => {
    try {
      ({ asked } = await configure({ ...order, bench, signal }));
      return undefined;
    } catch (error) {
      if (error instanceof UnconfigurableError) return failed(error.message, error.log);
      throw error;
    }
  };
  const built = await tree.build(async (): Promise<Built> => {
    report.progress(Progress_Phase.PHASE_CONFIGURE, 0);
    const wrong = await configured();
    if (wrong) return wrong;
    const { digest } = await digestOfFile(configPath);
    const known = await order.equal(digest);
    if (known) return { kind: 'equal', known };
    const result = await order.same(digest);
    if (result) return { kind: 'same', result };
    if (tree.isEmpty) {
      await order.bring(tree, digest);
      const here = await digestOfFile(configPath).catch(() => undefined);
      const wrongNow = here?.digest === digest ? undefined : await configured();
      if (wrongNow) return wrongNow;
    }
    await tree.overlook(signal);
    began = Date.now();
    const outcome = await buildKernel({
      bench,
      target: arch.target,
      jobs,
      logPath,
      signal,
      onProgress: (fraction) => report.progress(Progress_Phase.PHASE_BUILD, fraction),
    });
    seconds = (Date.now() - began) / 1000;
    if (outcome.kind === 'failed')
      return { kind: 'failed', failure: outcome.firstError, signature: outcome.signature };
    for (const module of modules) {
      const more = { target: module, logPath: join(directory, 'module.log'), onProgress: () => undefined };
      const { kind, ...why } = {
        firstError: '',
        signature: '',
        ...(await buildKernel({ bench, jobs, signal, ...more })),
      };
      if (kind === 'failed')
        return { kind, failure: `the module ${module}: ${why.firstError}`, signature: why.signature };
    }
    return { kind: 'image', tree: tree.directory, consumed: undefined };
  }, signal);
  if (built.kind !== 'image' || !order.readsShow) return built;
  const record = await tree.record({ seconds, began, asked }, signal);
  const path = join(directory, 'record');
  await writeFile(path, await encodeBuildRecord(record));
  return { ...built, consumed: { record, path } };
}
