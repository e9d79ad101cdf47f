import { join } from 'node:path';
import type { WarmTree } from '@kbisect/shared/gen/kbisect/v1/session';
import { BuildTree, type BuildSource } from '../build/build-tree.js';
import { roomIn } from '../build/room.js';
import type { Mirror } from '../source/mirror.js';
import { Worktree } from '../source/worktree.js';

/** As many as a bisection has ends; more would seldom be nearer than what ccache has. */
const MAX_TREES = 2;
/** Bytes of disk that have to be free before a tree is made beside another: a kernel's files and objects, twice. */
const ROOM = 8 * 1024 ** 3;
/** Bytes that a build may come to need; below them what is only kept for its warmth gives way. */
const NEED = 4 * 1024 ** 3;
/**
 * A build that compiles more than this share of the objects is far: it leaves the other tree for what is near that, and the
 * farm is given what it made.
 */
export const FAR = 0.3;

/** A slot's build trees. */
export class BuildTrees {
  private constructor(
    private readonly directory: string,
    private readonly trees: readonly BuildTree[],
    private readonly used: BuildTree[],
  ) {}

  static async open(directory: string, mirror: Mirror): Promise<BuildTrees> {
    const trees: BuildTree[] = [];
    for (let n = 0; n < MAX_TREES; n++) {
      trees.push(await BuildTree.open(new Worktree(mirror, join(directory, `build${n}`))));
    }
    return new BuildTrees(directory, trees, [...trees]);
  }

  /** What could be built upon. */
  get warm(): WarmTree[] {
    return this.trees.flatMap(({ warm }) => warm ?? []);
  }

  /**
   * The tree for a build: the one with the least to compile; a spare one, while there is room, for what is far from all;
   * and for a recipe that none has, the one that was used longest ago. When the disk is nearly full, the others are
   * removed.
   */
  async choose(source: BuildSource): Promise<BuildTree> {
    const chosen = source.clean === true ? await this.#emptiest() : await this.#nearest(source);
    this.used.splice(this.used.indexOf(chosen), 1);
    for (const other of this.used)
      if (other.warm !== undefined && (await roomIn(this.directory)) < NEED) await other.remove();
    this.used.push(chosen);
    return chosen;
  }

  async #nearest(source: BuildSource): Promise<BuildTree> {
    const shares = new Map<BuildTree, number>();
    for (const tree of this.used) shares.set(tree, await tree.shareToCompile(source));
    const nearest = [...this.used].sort((one, other) => shares.get(one)! - shares.get(other)!)[0]!;
    const spare = this.used.find((tree) => !tree.isWarmFor(source));
    const far = shares.get(nearest)! > FAR;
    return far && spare && (await this.#hasRoom(spare)) ? spare : nearest;
  }

  /** The tree in which the least is lost when it is emptied. */
  async #emptiest(): Promise<BuildTree> {
    const empty = this.used.find(({ warm }) => warm === undefined);
    return empty !== undefined && (await this.#hasRoom(empty)) ? empty : this.used[0]!;
  }

  async #hasRoom(tree: BuildTree): Promise<boolean> {
    if (tree.warm !== undefined || this.warm.length === 0) return true;
    return (await roomIn(this.directory)) > ROOM;
  }
}
