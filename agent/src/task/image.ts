import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Digest } from '@kbisect/shared/digest';
import type { ActionResult } from '@kbisect/shared/gen/build/bazel/remote/execution/v2/remote_execution';
import type { BlobRef, BootTest } from '@kbisect/shared/gen/kbisect/v1/job';
import { Progress_Phase, type Task } from '@kbisect/shared/gen/kbisect/v1/session';
import { commitId } from '@kbisect/shared/ids';
import { KbisectError } from '@kbisect/shared/errors';
import type { Arch } from '../boot/arch.js';
import type { BuildSource, BuildTree } from '../build/build-tree.js';
import { MINIMAL_PROFILE } from '../build/configure.js';
import { buildAction, configuredAction, familyDigest, recipeDigest } from '../build/recipe.js';
import type { Toolchain } from '../build/toolchain.js';
import type { Report } from '../session/session.js';
import type { BootMeans } from './boot-means.js';
import { buildImage } from './build-image.js';
import { fixupsFor } from './fixups.js';
import type { BuiltModule } from './guest-parts.js';
import type { CachedFile } from './initramfs.js';
import { fetchKnownImage, type KnownImage } from './known-image.js';
import { blobOf, outputFile } from './output-file.js';
import { SameConfig } from './same-config.js';
import { SharedProducts } from './shared-products.js';
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
  /** The configuration that it was built with. */
  readonly config: BlobRef | undefined;
  /** Only of a failure. */
  readonly failureSignature: string | undefined;
  /** Names the recipe. */
  readonly recipe: Digest;
  /** The commit whose image this is, when it was not built because its image is the same. */
  readonly equalTo: string | undefined;
}

/**
 * The image of a commit: from the cache when it was ever built by this recipe, else built here and put there. A failure
 * to build is remembered just the same, and so is what came of its configuration, whatever was asked for. An audit builds,
 * whatever is known; a clean build has nothing of what was built before, and is known by clean builds alone.
 * @throws KbisectError `invalid-argument` naming config symbols that cannot be set; anything that is wrong with this
 *   machine
 */
export async function buildOrFetchImage(
  task: Task,
  test: BootTest,
  arch: Arch,
  toolchain: Toolchain,
  means: BootMeans,
  gitUrl: string,
  report: Report,
  signal: AbortSignal,
): Promise<BuiltImage> {
  const { slot } = means;
  const started = performance.now();
  const commit = commitId(task.commit);
  report.progress(Progress_Phase.PHASE_FETCH, 0);
  await slot.mirror.fetchCommit(gitUrl, commit, signal);
  const fixups = await fixupsFor(commit, task.fixups, test.fixups, slot.mirror, gitUrl, signal);
  const texts = await readConfigs(task, test, slot, signal);
  const target = [arch.target, ...test.modules].join(' ');
  // Such builds are known by each other alone: what make should miss there is in no other job's image.
  const anyConfig = task.settings !== undefined;
  const recipe = recipeDigest({
    arch: test.arch,
    target,
    base: texts.base ?? (await readFile(MINIMAL_PROFILE, 'utf8')),
    baseIsProfile: texts.base === undefined,
    profile: `${anyConfig ? '# some of the settings\n' : ''}${texts.profile ?? ''}`,
    fragments: texts.fragments.map(({ text }) => text),
    toolchain: toolchain.identity,
  });
  const clean = task.clean === true;
  const sourceTree = await slot.mirror.git.treeOf(commit);
  const action = buildAction(sourceTree, fixups, recipe, clean);
  const audit = task.audit === true;
  const known = audit ? undefined : await slot.artifacts.actionResult(action, signal);
  if (known) return fromCache(known, test, recipe, slot, signal);
  const waiting = () => report.progress(Progress_Phase.PHASE_WAIT, 0);
  using _turn = audit ? undefined : await slot.artifacts.takeTurn(action, waiting, signal);
  const others = audit ? undefined : await slot.artifacts.actionResult(action, signal);
  if (others) return await fromCache(others, test, recipe, slot, signal);
  const equal = async (config: string) =>
    audit || clean ? undefined : fetchKnownImage(task.knownImages, config, slot, signal);
  const foretold = await equal('');
  if (foretold) return equalImage(foretold, recipe, started);

  const made = { arch: test.arch, target, toolchain: toolchain.identity };
  const source: BuildSource = { commit, fixups, recipe, family: familyDigest(made), anyConfig, clean };
  const tree = await slot.builds.choose(source);
  const before = clean
    ? { ccache: undefined, objects: undefined }
    : { ccache: means.ccache, objects: means.objects };
  const bench = { toolchain, sandbox: means.sandbox, ...before };
  const { jobs, readsShow } = means;
  const { modules } = test;
  using sameConfig = new SameConfig(slot.artifacts, (config) =>
    configuredAction(sourceTree, fixups, made, config, anyConfig),
  );
  const same = async (config: string) =>
    audit || clean ? undefined : sameConfig.result(config, waiting, signal);
  // Without a sandbox an object names the tree that it was made in; other settings or fix-ups are no commit's.
  const isPlain = means.sandbox.kind !== 'none' && !anyConfig && !clean && fixups.length === 0;
  const shared = isPlain ? new SharedProducts(slot, means.sandbox, gitUrl, recipe, made) : undefined;
  const bring = async (into: BuildTree, config: string) => shared?.bring(into, config, signal);
  const { directory } = slot;
  const order = { ...texts, source, arch, bench, jobs, modules, equal, same, bring, readsShow, directory };
  const built = await buildImage(order, tree, report, signal);
  if (built.kind === 'equal') return equalImage(built.known, recipe, started);
  if (built.kind === 'same') {
    await slot.artifacts.recordAction(action, built.result, signal);
    return await fromCache(built.result, test, recipe, slot, signal);
  }

  report.progress(Progress_Phase.PHASE_UPLOAD, 0);
  const upload = (path: string) => slot.artifacts.upload(path, signal);
  const log = await upload(join(slot.directory, 'build.log'));
  const outputs = [outputFile('build.log', log)];
  let image: CachedFile | undefined;
  let record: BlobRef | undefined;
  let symbols: BlobRef | undefined;
  let config: BlobRef | undefined;
  const builtModules: BuiltModule[] = [];
  if (built.kind === 'image') {
    const path = join(built.tree, arch.image);
    image = { path, blob: await upload(path) };
    // Of a tree that was built with other settings, too, it says more than this build has read.
    if (built.consumed && !anyConfig) {
      record = await upload(built.consumed.path);
      await shared?.offer(tree, commit, built.consumed.record, record, signal);
    }
    outputs.push(outputFile('image', image.blob));
    config = await upload(join(built.tree, '.config'));
    outputs.push(outputFile('.config', config));
    symbols = await upload(join(built.tree, 'System.map'));
    outputs.push(outputFile('System.map', symbols));
    for (const name of modules) {
      builtModules.push({ name, path: join(built.tree, name) });
      outputs.push(outputFile(name, await upload(join(built.tree, name))));
    }
    if (record) outputs.push(outputFile('record', record));
  }
  const failure = built.kind === 'failed' ? built.failure : '';
  const failureSignature = built.kind === 'failed' ? built.signature : undefined;
  const result = {
    outputFiles: outputs,
    exitCode: failure === '' ? 0 : 1,
    stdoutRaw: Buffer.from(failureSignature ?? ''),
    stderrRaw: Buffer.from(failure),
  };
  await slot.artifacts.recordAction(action, result, signal);
  if (sameConfig.action) await slot.artifacts.recordAction(sameConfig.action, result, signal);
  const seconds = secondsSince(started);
  const told = { failure, failureSignature, log, cached: false, seconds, recipe, equalTo: undefined };
  return { ...told, image, modules: builtModules, symbols, record, config };
}

/** Another commit's image, which this one's is known to be equal to. */
function equalImage({ image, record, equalTo }: KnownImage, recipe: Digest, started: number): BuiltImage {
  const unbuilt = {
    failure: '',
    failureSignature: undefined,
    log: undefined,
    symbols: undefined,
    config: undefined,
    modules: [],
  };
  return { ...unbuilt, image, record, recipe, equalTo, cached: true, seconds: secondsSince(started) };
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
  const config = blobOf(known, '.config');
  const common = { log, config, cached: true, seconds: 0, recipe, equalTo: undefined };
  if (blob === undefined) {
    const failure = Buffer.from(known.stderrRaw).toString('utf8') || 'it failed before';
    const failureSignature = Buffer.from(known.stdoutRaw).toString('utf8') || failure;
    const nothing = { image: undefined, modules: [], symbols: undefined, record: undefined };
    return { ...common, ...nothing, failure, failureSignature };
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
  const [symbols, record] = [blobOf(known, 'System.map'), blobOf(known, 'record')];
  return {
    ...common,
    image: { path, blob },
    modules,
    symbols,
    record,
    failure: '',
    failureSignature: undefined,
  };
}

async function readConfigs({ settings }: Task, test: BootTest, slot: Slot, signal: AbortSignal) {
  const text = async (blob: BlobRef | undefined) => (blob ? slot.text(blob, signal) : undefined);
  const fragments: { name: string; text: string }[] = [];
  if (settings !== undefined) {
    // As a profile: what this kernel does not have, or not without the others, is let go.
    const profile = settings.lines.map((line) => `${line}\n`).join('');
    return { base: await text(test.baseConfig?.blob), profile, fragments };
  }
  for (const { name, blob } of test.fragments) {
    if (blob) fragments.push({ name, text: await slot.text(blob, signal) });
  }
  return { base: await text(test.baseConfig?.blob), profile: await text(test.profile?.blob), fragments };
}

function secondsSince(started: number): number {
  return (performance.now() - started) / 1000;
}
