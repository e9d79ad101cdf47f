import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Digest } from '@kbisect/shared/digest';
import { decodeBuildRecord, type BuildRecord } from '@kbisect/shared/build-record';
import { KbisectError } from '@kbisect/shared/errors';
import type { ActionResult } from '@kbisect/shared/gen/build/bazel/remote/execution/v2/remote_execution';
import type { BlobRef } from '@kbisect/shared/gen/kbisect/v1/job';
import { commitId, type CommitId } from '@kbisect/shared/ids';
import type { BuildTree, Foreign } from '../build/build-tree.js';
import { packProducts, unpackProducts } from '../build/products.js';
import { productsAction, type Recipe } from '../build/recipe.js';
import type { Sandbox } from '../build/sandbox.js';
import { FAR } from './build-trees.js';
import { blobOf, outputFile } from './output-file.js';
import type { Slot } from './slot.js';

/** Of one recipe or configuration, the last ones; a bisection has two ends and a middle. */
const MAX_TREES = 3;

/** Why what the farm has may be of no use: it has gone, is no good, or is of a history that nobody has any more. */
const OF_THE_FARM = ['not-found', 'data-loss', 'unavailable'];

/** What the farm has of a tree. */
interface Shared {
  readonly commit: CommitId;
  readonly products: BlobRef;
  readonly record: BlobRef;
}

/**
 * The trees of the farm's far builds, as a clean tree of any agent can begin with: one file instead of hundreds of objects,
 * and with all that ccache does not keep. They are known by their recipe and by their configuration: of one recipe, kbuild
 * knows what another `.config` compiles anew; of one `.config`, what was asked for does not matter.
 */
export class SharedProducts {
  constructor(
    private readonly slot: Slot,
    private readonly sandbox: Sandbox,
    private readonly gitUrl: string,
    private readonly recipe: Digest,
    private readonly made: Pick<Recipe, 'arch' | 'target' | 'toolchain'>,
  ) {}

  /**
   * Brings into an empty tree what was made of the commit that is nearest to its own, if anything was.
   * @param config digest of the tree's `.config`, which may be another afterwards, or gone when what the farm has is no good
   */
  async bring(tree: BuildTree, config: string, signal: AbortSignal): Promise<void> {
    const path = join(this.slot.directory, 'products');
    try {
      const nearest = await this.#nearest(tree, config, signal);
      if (nearest === undefined) return;
      await this.slot.fetch(nearest.products, path, signal);
      await tree.adopt(nearest, () => unpackProducts(path, tree.directory, this.sandbox, signal), signal);
    } catch (error) {
      const isTheirs = error instanceof KbisectError && OF_THE_FARM.includes(error.code);
      if (!isTheirs) throw error;
    } finally {
      await rm(path, { force: true });
    }
  }

  /** Gives the farm what a build has made, if it is far from all that the farm has. */
  async offer(
    tree: BuildTree,
    commit: CommitId,
    record: BuildRecord,
    recordBlob: BlobRef,
    signal: AbortSignal,
  ): Promise<void> {
    if (record.compiled < FAR * record.objects.length) return;
    const path = join(this.slot.directory, 'products');
    try {
      if (!(await packProducts(tree.directory, path, signal))) return;
      const products = await this.slot.artifacts.upload(path, signal);
      const offered = { commit, products, record: recordBlob };
      for (const of of [this.recipe, record.config]) await this.#add(of, offered, signal);
    } finally {
      await rm(path, { force: true });
    }
  }

  /** Two that do so at once may lose one of the two: it is only for speed. */
  async #add(of: string, offered: Shared, signal: AbortSignal): Promise<void> {
    const others = (await this.#known(of, signal)).filter(({ commit }) => commit !== offered.commit);
    const outputFiles = [...others, offered]
      .slice(-MAX_TREES)
      .flatMap(({ commit, products, record }) => [
        outputFile(`${commit}/products`, products),
        outputFile(`${commit}/record`, record),
      ]);
    const result = { outputFiles, exitCode: 0, stderrRaw: Buffer.alloc(0) };
    await this.slot.artifacts.recordAction(productsAction(this.made, of), result, signal);
  }

  async #nearest(
    tree: BuildTree,
    config: string,
    signal: AbortSignal,
  ): Promise<(Foreign & Pick<Shared, 'products'>) | undefined> {
    let nearest: (Foreign & Pick<Shared, 'products'>) | undefined;
    let least = 1;
    const known = [...(await this.#known(config, signal)), ...(await this.#known(this.recipe, signal))];
    const each = new Map(known.map((shared) => [shared.products.digest, shared]));
    for (const { commit, products, record: blob } of each.values()) {
      await this.slot.mirror.fetchCommit(this.gitUrl, commit, signal);
      const path = join(this.slot.directory, 'their-record');
      await this.slot.fetch(blob, path, signal);
      const record = await decodeBuildRecord(await readFile(path));
      const share = await tree.shareUpon({ commit, record });
      if (share < least) [nearest, least] = [{ commit, products, record }, share];
    }
    return nearest;
  }

  async #known(of: string, signal: AbortSignal): Promise<Shared[]> {
    const found = await this.slot.artifacts.actionResult(productsAction(this.made, of), signal);
    return found ? sharedOf(found) : [];
  }
}

/** @throws KbisectError `data-loss` when an entry is not as `offer` makes it */
function sharedOf(result: ActionResult): Shared[] {
  return result.outputFiles.flatMap(({ path }) => {
    const [name = '', what] = path.split('/');
    if (what !== 'products') return [];
    const [products, record] = [blobOf(result, path), blobOf(result, `${name}/record`)];
    if (!products || !record || !/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(name))
      throw new KbisectError('data-loss', `${path}: not what an agent offers`);
    return [{ commit: commitId(name), products, record }];
  });
}
