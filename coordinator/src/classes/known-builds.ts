import type { BuildRecord } from '@kbisect/shared/build-record';
import type { BlobRef, BootTest } from '@kbisect/shared/gen/kbisect/v1/job';
import type { CommitId } from '@kbisect/shared/ids';
import { Consumed } from './consumed.js';
import { paceOf, type BuildTime, type Pace } from './seconds.js';

/** A build as the journals have it, whoever asked for it. */
export interface KnownBuild {
  /** None when the commit does not build. */
  readonly image: BlobRef | undefined;
  readonly record: BlobRef | undefined;
  /** Names all that decided the image besides the commit. */
  readonly recipe: string;
  /** The image is another commit's: it was predicted, not built. */
  readonly predicted: boolean;
}

/** What decides an image besides the commit, as far as a job says it: jobs that say the same share their builds. */
export function orderedRecipe({
  arch,
  toolchain,
  baseConfig,
  profile,
  fragments,
  fixups,
  modules,
}: BootTest): string {
  const layers = [baseConfig, profile, ...fragments].map((layer) => layer?.blob?.digest ?? '');
  return JSON.stringify([arch, toolchain, layers, fixups, modules]);
}

/** All builds of one ordered recipe, and what their records tell. */
export class KnownBuilds {
  readonly consumed = new Consumed();
  readonly #builds = new Map<CommitId, KnownBuild>();
  readonly #records = new Map<string, 'asked' | 'unreadable' | { readonly config: string }>();
  readonly #times: BuildTime[] = [];
  /** What agents call the recipe: one for each toolchain. */
  readonly recipes = new Set<string>();
  /** Grows with all that is learned. */
  version = 0;

  get commits(): Iterable<CommitId> {
    return this.#builds.keys();
  }

  get all(): Iterable<readonly [CommitId, KnownBuild]> {
    return this.#builds;
  }

  of(commit: CommitId): KnownBuild | undefined {
    return this.#builds.get(commit);
  }

  /** Takes in a build; one that was really done counts more than a predicted one. */
  built(commit: CommitId, build: KnownBuild): void {
    if (build.predicted && this.#builds.get(commit)?.predicted === false) return;
    this.#builds.set(commit, build);
    this.recipes.add(build.recipe);
    this.version += 1;
  }

  /** Records of the given commits' builds that nobody has asked for yet; from now on somebody has. */
  ask(commits: Iterable<CommitId>): BlobRef[] {
    const asked: BlobRef[] = [];
    for (const commit of commits) {
      const record = this.#builds.get(commit)?.record;
      if (record === undefined || this.#records.has(record.digest)) continue;
      this.#records.set(record.digest, 'asked');
      asked.push(record);
    }
    return asked;
  }

  /** Takes in a record, or that it cannot be read. */
  learn(digest: string, record: BuildRecord | undefined): void {
    this.version += 1;
    if (record === undefined) {
      this.#records.set(digest, 'unreadable');
      return;
    }
    this.#records.set(digest, { config: record.config });
    this.consumed.add(record);
    this.#times.push({ objects: record.compiled, seconds: record.seconds });
  }

  /** Whether a record is on its way. */
  get reading(): boolean {
    return [...this.#records.values()].includes('asked');
  }

  /** Digest of the configuration that a commit was built with, once its record was read. */
  configOf(commit: CommitId): string | undefined {
    const known = this.#records.get(this.#builds.get(commit)?.record?.digest ?? '');
    return typeof known === 'object' ? known.config : undefined;
  }

  /** How fast the recipe's builds are. */
  get pace(): Pace {
    return paceOf(this.#times);
  }
}
