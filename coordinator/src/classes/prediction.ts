import type { BlobRef } from '@kbisect/shared/gen/kbisect/v1/job';
import type { Task_KnownImage } from '@kbisect/shared/gen/kbisect/v1/session';
import type { CommitId } from '@kbisect/shared/ids';
import type { Changes, Node } from './changes.js';
import { collapse, groupsOf, type Classes } from './collapse.js';
import type { KnownBuild, KnownBuilds } from './known-builds.js';
import type { Mentions } from './mentions.js';
import { Rebuilds } from './rebuilds.js';
import type { Canonical, Transitions } from './transitions.js';

/** What a range changes, commit by commit, what its added lines mention, and which changes may change nothing. */
export interface RangeChanges {
  readonly changes: Changes;
  readonly mentions: Mentions;
  readonly transitions: Transitions;
}

/** Two commits whose images were predicted to be equal, and are not. */
export interface Refutation {
  readonly one: CommitId;
  readonly other: CommitId;
}

/** A build before it is done. */
export interface BuildForecast {
  readonly objects: number;
  readonly seconds: number;
}

/** Seconds that an agent takes to fetch an image, and to configure a kernel and then fetch it. */
const FETCH_SECONDS = 1;
const CONFIGURE_SECONDS = 10;

/** What is foretold of a job's builds: which commits give one image, and what a build takes. */
export class Prediction {
  readonly refutations: Refutation[] = [];
  #range: RangeChanges | 'unread' | 'unreadable' = 'unread';
  #classes: Classes | undefined;
  #rebuilds: Rebuilds | undefined;
  /** The classes, and the source states, of which there is an image. */
  #known = { classes: new Set<number>(), sources: new Set<number>() };
  #learned = -1;

  constructor(readonly builds: KnownBuilds) {}

  /** Hands in the range's diffs; without them nothing is foretold. */
  attach(range: RangeChanges | undefined): void {
    this.#range = range ?? 'unreadable';
    this.#learned = -1;
  }

  /** The range's diffs, if they were read. */
  get range(): RangeChanges | undefined {
    return typeof this.#range === 'string' ? undefined : this.#range;
  }

  /** Whether diffs or records are still being read. */
  get reading(): boolean {
    return this.#range === 'unread' || this.builds.reading;
  }

  /** Records of this range's builds that are to be read, each said once. */
  unread(): BlobRef[] {
    const changes = this.#changes;
    if (changes === undefined) return [];
    return this.builds.ask([...this.builds.commits].filter((commit) => changes.nodeOf(commit) !== undefined));
  }

  refute(refutation: Refutation): void {
    this.refutations.push(refutation);
    this.#learned = -1;
  }

  /** Takes in what was learned since the last time; says whether that changed the classes. */
  update(): boolean {
    if (typeof this.#range === 'string' || this.#learned === this.builds.version) return false;
    this.#learned = this.builds.version;
    if (this.builds.consumed.isEmpty) return false;
    const { changes, mentions, transitions } = this.#range;
    const configs = new Map<Node, string>();
    for (const commit of this.builds.commits) {
      const node = changes.nodeOf(commit);
      const config = this.builds.configOf(commit);
      if (node !== undefined && config !== undefined) configs.set(node, config);
    }
    const { consumed } = this.builds;
    const suspects = this.#suspects(changes);
    const relevance = consumed.relevance(changes, mentions, suspects);
    const calm = transitions.given(consumed, (path) => changes.names[path]!);
    const canonical: Canonical = (path, content) => (suspects.has(path) ? content : calm(path, content));
    const before = this.#classes;
    this.#classes = collapse(changes, relevance, configs, canonical);
    this.#rebuilds = new Rebuilds(changes, this.#classes, consumed, canonical);
    this.#known = { classes: new Set(), sources: new Set() };
    for (const commit of this.builds.commits) {
      const node = changes.nodeOf(commit);
      if (node === undefined || !isReal(this.builds.of(commit))) continue;
      this.#known.classes.add(this.#classes.of[node]!);
      this.#known.sources.add(this.#classes.sources[node]!);
    }
    return before === undefined || this.#classes.of.some((one, node) => one !== before.of[node]);
  }

  /** Different images of the range and its ends; undefined while nothing is known. */
  get classes(): number | undefined {
    return this.#classes?.count;
  }

  get commits(): number {
    return this.#changes?.size ?? 0;
  }

  /** The commits that are predicted to give this commit's image, itself included. */
  alike(commit: CommitId): CommitId[] {
    const changes = this.#changes;
    const node = changes?.nodeOf(commit);
    const { of } = this.#classes ?? {};
    if (changes === undefined || of === undefined || node === undefined) return [commit];
    return [...of.keys()].filter((other) => of[other] === of[node]).map((other) => changes.idOf(other));
  }

  /** All classes of more than one commit. */
  groups(): CommitId[][] {
    const changes = this.#changes;
    return changes === undefined || this.#classes === undefined ? [] : groupsOf(changes, this.#classes);
  }

  /** Images that a commit has too: those of its class, and those that differ at most by the configuration. */
  knownImages(commit: CommitId): Task_KnownImage[] {
    const changes = this.#changes;
    const node = changes?.nodeOf(commit);
    if (changes === undefined || this.#classes === undefined || node === undefined) return [];
    const { of, sources } = this.#classes;
    const images: Task_KnownImage[] = [];
    for (const other of this.builds.commits) {
      const place = changes.nodeOf(other);
      const build = this.builds.of(other);
      if (place === undefined || other === commit || !isReal(build) || sources[place] !== sources[node])
        continue;
      const config = this.builds.configOf(other);
      if (config === undefined) continue;
      const { image, record } = build;
      images.push({ commit: other, image, record, config: of[place] === of[node] ? '' : config });
    }
    return images.sort((one, other) => Number(one.config !== '') - Number(other.config !== '')).slice(0, 10);
  }

  /** What a build of a commit compiles and takes on an agent with trees that stand at the given commits. */
  forecast(commit: CommitId, trees: readonly CommitId[]): BuildForecast {
    const node = this.#changes?.nodeOf(commit);
    const { of, sources } = this.#classes ?? {};
    if (this.builds.of(commit) !== undefined) return { objects: 0, seconds: FETCH_SECONDS };
    if (node !== undefined && of !== undefined && sources !== undefined) {
      if (this.#known.classes.has(of[node]!)) return { objects: 0, seconds: FETCH_SECONDS };
      if (this.#known.sources.has(sources[node]!)) return { objects: 0, seconds: CONFIGURE_SECONDS };
    }
    const { fixed, perObject } = this.builds.pace;
    const objects = this.#objects(commit, trees);
    return { objects, seconds: fixed + perObject * objects };
  }

  /** Two built commits that contradict a prediction, if any do: one recipe, one class, two images. */
  contradiction(): Refutation | undefined {
    const known = new Map<string, { commit: CommitId; result: string }>();
    for (const commit of this.builds.commits) {
      const node = this.#changes?.nodeOf(commit);
      const build = this.builds.of(commit);
      if (node === undefined || this.#classes === undefined || build === undefined || build.predicted)
        continue;
      const key = `${this.#classes.of[node]!} ${build.recipe}`;
      const result = build.image?.digest ?? 'does not build';
      const first = known.get(key);
      if (first === undefined) known.set(key, { commit, result });
      else if (first.result !== result && !this.#isRefuted(first.commit, commit)) {
        return { one: first.commit, other: commit };
      }
    }
    return undefined;
  }

  get #changes(): Changes | undefined {
    return this.range?.changes;
  }

  #objects(commit: CommitId, trees: readonly CommitId[]): number {
    const changes = this.#changes;
    const to = changes?.nodeOf(commit);
    if (changes === undefined || to === undefined || this.#rebuilds === undefined)
      return this.builds.consumed.total;
    const rebuilds = this.#rebuilds;
    const froms = trees.flatMap((tree) => changes.nodeOf(tree) ?? []);
    return Math.min(rebuilds.total, ...froms.map((from) => rebuilds.objects(from, to)));
  }

  #isRefuted(one: CommitId, other: CommitId): boolean {
    return this.refutations.some((pair) => pair.one === one && pair.other === other);
  }

  /**
   * What has to matter, as pairs of refuted predictions differ in nothing else: without the paths of which builds
   * with one image show that they do not, if that leaves any.
   */
  #suspects(changes: Changes): Set<number> {
    const suspects = new Set<number>();
    if (this.refutations.length === 0) return suspects;
    const harmless = this.#harmless(changes);
    for (const { one, other } of this.refutations) {
      const [from, to] = [changes.nodeOf(one), changes.nodeOf(other)];
      if (from === undefined || to === undefined) continue;
      const differing = [...changes.between(from, to)];
      const telling = differing.filter((path) => !harmless.has(path));
      for (const path of telling.length > 0 ? telling : differing) suspects.add(path);
    }
    return suspects;
  }

  /** Paths in which commits differ that were built and gave one image. */
  #harmless(changes: Changes): Set<number> {
    const harmless = new Set<number>();
    const firsts = new Map<string, Node>();
    for (const commit of this.builds.commits) {
      const node = changes.nodeOf(commit);
      const build = this.builds.of(commit);
      if (node === undefined || !isReal(build)) continue;
      const first = firsts.get(build.image.digest);
      if (first === undefined) firsts.set(build.image.digest, node);
      else for (const path of changes.between(first, node)) harmless.add(path);
    }
    return harmless;
  }
}

function isReal(build: KnownBuild | undefined): build is KnownBuild & { readonly image: BlobRef } {
  return build?.image !== undefined && !build.predicted;
}
