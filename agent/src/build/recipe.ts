import { digestOf, type Digest } from '@kbisect/shared/digest';
import type { TreeId } from '@kbisect/shared/ids';
import { runText } from '@kbisect/shared/process';
import { BUILD_ENVIRONMENT } from './make.js';

/** All that decides an image besides the source. */
export interface Recipe {
  readonly arch: string;
  readonly target: string;
  /** Text of the base config, the minimal profile's when the user gave none. */
  readonly base: string;
  readonly baseIsProfile: boolean;
  /** Texts of the fragments, in order. */
  readonly fragments: readonly string[];
  readonly toolchain: string;
}

/** The compiler and linker of this machine, by their exact versions. */
export async function probeToolchain(): Promise<string> {
  const versions = await Promise.all(
    ['gcc', 'ld'].map(
      async (program) => (await runText({ program, args: ['--version'] })).split('\n')[0] ?? '',
    ),
  );
  return versions.join('; ');
}

/** Names a recipe: from one source, recipes of equal digests give equal images. */
export function recipeDigest(recipe: Recipe): Digest {
  const { arch, target, baseIsProfile, toolchain } = recipe;
  const fragments = recipe.fragments.map((text) => digestOf(text));
  const base = digestOf(recipe.base);
  return digestOf(
    JSON.stringify([
      'recipe',
      BUILD_ENVIRONMENT,
      { arch, target, base, baseIsProfile, fragments, toolchain },
    ]),
  );
}

/** Names the build of a source by a recipe: equal keys give equal images. */
export function buildAction(tree: TreeId, recipe: Digest): Digest {
  return digestOf(JSON.stringify(['build', tree, recipe]));
}
