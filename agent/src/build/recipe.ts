import { digestOf, type Digest } from '@kbisect/shared/digest';
import type { CommitId, TreeId } from '@kbisect/shared/ids';
import { BUILD_ENVIRONMENT } from './make.js';

/** All that decides an image besides the source. */
export interface Recipe {
  readonly arch: string;
  readonly target: string;
  /** Text of the base config, the minimal profile's when the user gave none. */
  readonly base: string;
  readonly baseIsProfile: boolean;
  readonly profile: string;
  /** Texts of the fragments, in order. */
  readonly fragments: readonly string[];
  readonly toolchain: string;
}

/** Names a recipe: from one source, recipes of equal digests give equal images. */
export function recipeDigest(recipe: Recipe): Digest {
  const { arch, target, baseIsProfile, toolchain } = recipe;
  const fragments = recipe.fragments.map((text) => digestOf(text));
  const [base, profile] = [digestOf(recipe.base), digestOf(recipe.profile)];
  return digestOf(
    JSON.stringify([
      'recipe',
      BUILD_ENVIRONMENT,
      { arch, target, base, baseIsProfile, profile, fragments, toolchain },
    ]),
  );
}

/** Names all of a recipe but its configuration. */
export function familyDigest({
  arch,
  target,
  toolchain,
}: Pick<Recipe, 'arch' | 'target' | 'toolchain'>): Digest {
  return digestOf(JSON.stringify(['family', BUILD_ENVIRONMENT, { arch, target, toolchain }]));
}

/**
 * Names the build of a source, with what is cherry-picked on it, by the configuration that came of its recipe.
 * @param config SHA-256 of the `.config`
 * @param anyConfig whether it may be built upon objects of another configuration
 */
export function configuredAction(
  tree: TreeId,
  fixups: readonly CommitId[],
  { arch, target, toolchain }: Pick<Recipe, 'arch' | 'target' | 'toolchain'>,
  config: string,
  anyConfig: boolean,
): Digest {
  const kind = anyConfig ? 'configured upon another' : 'configured';
  return digestOf(
    JSON.stringify([kind, BUILD_ENVIRONMENT, tree, fixups, { arch, target, toolchain }, config]),
  );
}

/**
 * Names the build of a source, with what is cherry-picked on it, by a recipe: equal keys give equal images.
 * @param clean whether it is of a tree in which nothing was built before
 */
export function buildAction(
  tree: TreeId,
  fixups: readonly CommitId[],
  recipe: Digest,
  clean = false,
): Digest {
  return digestOf(JSON.stringify([clean ? 'clean build' : 'build', tree, fixups, recipe]));
}

/**
 * Names what builds have made in their trees.
 * @param of what the trees have in common: a recipe, or the SHA-256 of a `.config`
 */
export function productsAction(
  { arch, target, toolchain }: Pick<Recipe, 'arch' | 'target' | 'toolchain'>,
  of: string,
): Digest {
  return digestOf(JSON.stringify(['products', 1, BUILD_ENVIRONMENT, { arch, target, toolchain }, of]));
}
