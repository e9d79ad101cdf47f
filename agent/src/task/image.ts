import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  OutputFile,
  type ActionResult,
} from '@kbisect/shared/gen/build/bazel/remote/execution/v2/remote_execution';
import type { BlobRef, BootTest } from '@kbisect/shared/gen/kbisect/v1/job';
import { KbisectError } from '@kbisect/shared/errors';
import { Progress_Phase, type Task_KnownImage } from '@kbisect/shared/gen/kbisect/v1/session';
import { digestOfFile, type Digest } from '@kbisect/shared/digest';
import type { CommitId } from '@kbisect/shared/ids';
import type { Arch } from '../boot/arch.js';
import { configure, MINIMAL_PROFILE, UnconfigurableError } from '../build/configure.js';
import { buildKernel } from '../build/kbuild.js';
import { buildAction, recipeDigest } from '../build/recipe.js';
import type { Report } from '../session/session.js';
import type { BootMeans } from './boot-task.js';
import type { BuiltModule } from './guest-parts.js';
import type { CachedFile } from './initramfs.js';
import { fetchKnownImage } from './known-image.js';
import type { Slot } from './slot.js';

/** What came of a commit's build, whoever did it. */
export interface BuiltImage {
  readonly image: CachedFile | undefined;
  /** Why there is no image; empty when there is one. */
  readonly failure: string;
  /** Modules that were built with it. */
  readonly modules: readonly BuiltModule[];
  readonly log: BlobRef | undefined;
  readonly cached: boolean;
  readonly seconds: number;
  /** Its `System.map`, which names its addresses; only of an image. */
  readonly symbols: BlobRef | undefined;
  /** What it consumed; only of an image. */
  readonly record: BlobRef | undefined;
  /** Only of a failure. */
  readonly failureSignature: string | undefined;
  /** Names the recipe. */
  readonly recipe: Digest;
  /** The commit whose image this is, when it was not built as it is the same. */
  readonly equalTo?: string;
}

/**
 * The image of a commit: from the cache when it was ever built by this recipe, or another commit was of which it is known
 * that its image is the same, else built here and put there. A failure to build is remembered just the same.
 * @param knownImages what the coordinator knows of images that are the same
 * @throws KbisectError `invalid-argument` naming config symbols that cannot be set; anything that is wrong with this
 *   machine
 */
export async function buildOrFetchImage(
  commit: CommitId,
  knownImages: readonly Task_KnownImage[],
  test: BootTest,
  arch: Arch,
  means: BootMeans,
  gitUrl: string,
  report: Report,
  signal: AbortSignal,
): Promise<BuiltImage> {
  const { slot } = means;
  report.progress(Progress_Phase.PHASE_FETCH, 0);
  await slot.mirror.fetchCommit(gitUrl, commit, signal);
  const texts = await readConfigs(test, slot, signal);
  const recipe = recipeDigest({
    arch: test.arch,
    target: [arch.target, ...test.modules].join(' '),
    base: texts.base ?? (await readFile(MINIMAL_PROFILE, 'utf8')),
    baseIsProfile: texts.base === undefined,
    fragments: texts.fragments.map(({ text }) => text),
    toolchain: means.toolchain,
  });
  const action = buildAction(await slot.mirror.git.treeOf(commit), recipe);
  const known = await slot.artifacts.actionResult(action, signal);
  if (known) return fromCache(known, test, recipe, slot, signal);
  const waiting = () => report.progress(Progress_Phase.PHASE_WAIT, 0);
  using _turn = await slot.artifacts.takeTurn(action, waiting, signal);
  const others = await slot.artifacts.actionResult(action, signal);
  if (others) return await fromCache(others, test, recipe, slot, signal);

  const started = performance.now();
  const sameAs = async (config: string): Promise<BuiltImage | undefined> => {
    const same = await fetchKnownImage(knownImages, config, slot, signal);
    const seconds = (performance.now() - started) / 1000;
    const unbuilt = {
      symbols: undefined,
      modules: [],
      failure: '',
      log: undefined,
      cached: true,
      failureSignature: undefined,
      recipe,
    };
    return same && { ...same, ...unbuilt, seconds };
  };
  const foretold = await sameAs('');
  if (foretold) return foretold;
  const logPath = join(slot.directory, 'build.log');
  report.progress(Progress_Phase.PHASE_CHECKOUT, 0);
  await slot.worktree.checkout(commit, signal);
  const tree = slot.worktree.directory;
  let failure = '';
  try {
    report.progress(Progress_Phase.PHASE_CONFIGURE, 0);
    await configure({ tree, arch: test.arch, ...texts, signal });
    if (knownImages.length > 0) {
      const { digest: config } = await digestOfFile(join(tree, '.config'));
      const same = await sameAs(config);
      if (same) return same;
    }
    const built = await buildKernel({
      tree,
      arch: test.arch,
      target: arch.target,
      jobs: means.jobs,
      logPath,
      signal,
      onProgress: (fraction) => report.progress(Progress_Phase.PHASE_BUILD, fraction),
    });
    if (built.kind === 'failed') failure = built.firstError;
    for (const module of failure === '' ? test.modules : []) {
      const target = { target: module, logPath: join(slot.directory, 'module.log') };
      const more = await buildKernel({
        ...{ tree, arch: test.arch, jobs: means.jobs, signal, onProgress: () => undefined },
        ...target,
      });
      if (more.kind === 'failed') failure = `the module ${module}: ${more.firstError}`;
    }
  } catch (error) {
    if (!(error instanceof UnconfigurableError)) throw error;
    failure = error.message;
    await writeFile(logPath, error.log);
  }

  report.progress(Progress_Phase.PHASE_UPLOAD, 0);
  const log = await slot.artifacts.upload(logPath, signal);
  const outputs: OutputFile[] = [output('build.log', log)];
  let image: CachedFile | undefined;
  let symbols: BlobRef | undefined;
  const modules: BuiltModule[] = [];
  if (failure === '') {
    const path = join(tree, arch.image);
    image = { path, blob: await slot.artifacts.upload(path, signal) };
    outputs.push(
      output('image', image.blob),
      output('.config', await slot.artifacts.upload(join(tree, '.config'), signal)),
    );
    symbols = await slot.artifacts.upload(join(tree, 'System.map'), signal);
    outputs.push(output('System.map', symbols));
    for (const name of test.modules) {
      modules.push({ name, path: join(tree, name) });
      outputs.push(output(name, await slot.artifacts.upload(join(tree, name), signal)));
    }
  }
  const exitCode = failure === '' ? 0 : 1;
  await slot.artifacts.recordAction(
    action,
    {
      outputFiles: outputs,
      exitCode,
      stderrRaw: Buffer.from(failure),
    },
    signal,
  );
  const seconds = (performance.now() - started) / 1000;
  return {
    image,
    modules,
    failure,
    log,
    cached: false,
    seconds,
    symbols,
    record: undefined,
    failureSignature: undefined,
    recipe,
  };
}

async function fromCache(
  known: ActionResult,
  test: BootTest,
  recipe: Digest,
  slot: Slot,
  signal: AbortSignal,
): Promise<BuiltImage> {
  const log = blobOf(known, 'build.log');
  const blob = blobOf(known, 'image');
  const common = { log, cached: true, seconds: 0, failureSignature: undefined, recipe };
  if (blob === undefined) {
    const failure = Buffer.from(known.stderrRaw).toString('utf8') || 'it failed before';
    return { ...common, image: undefined, modules: [], failure, symbols: undefined, record: undefined };
  }
  const path = join(slot.directory, 'image');
  await slot.fetch(blob, path, signal);
  const modules: BuiltModule[] = [];
  for (const [n, name] of test.modules.entries()) {
    const module = blobOf(known, name);
    if (module === undefined) throw new KbisectError('data-loss', `the cached build has no ${name}`);
    modules.push({ name, path: join(slot.directory, `module${n}`) });
    await slot.fetch(module, join(slot.directory, `module${n}`), signal);
  }
  const symbols = blobOf(known, 'System.map');
  return { ...common, image: { path, blob }, modules, failure: '', symbols, record: blobOf(known, 'record') };
}

async function readConfigs(test: BootTest, slot: Slot, signal: AbortSignal) {
  const base = test.baseConfig?.blob ? await slot.text(test.baseConfig.blob, signal) : undefined;
  const fragments: { name: string; text: string }[] = [];
  for (const { name, blob } of test.fragments) {
    if (blob) fragments.push({ name, text: await slot.text(blob, signal) });
  }
  return { base, fragments };
}

function output(path: string, blob: BlobRef): OutputFile {
  return OutputFile.create({ path, digest: { hash: blob.digest, sizeBytes: blob.size } });
}

function blobOf(result: ActionResult, path: string): BlobRef | undefined {
  const found = result.outputFiles.find((file) => file.path === path)?.digest;
  return found && { digest: found.hash, size: found.sizeBytes };
}
