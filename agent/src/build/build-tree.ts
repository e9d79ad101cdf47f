import { lstat, lutimes, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { decodeBuildRecord, encodeBuildRecord, type BuildRecord } from '@kbisect/shared/build-record';
import type { Digest } from '@kbisect/shared/digest';
import { KbisectError } from '@kbisect/shared/errors';
import { Git } from '@kbisect/shared/git';
import { commitId, type CommitId } from '@kbisect/shared/ids';
import { parseConfig } from '@kbisect/shared/settings';
import type { Worktree } from '../source/worktree.js';
import { forgetReads, readsSince, type Reads } from './access-times.js';
import { CommandFiles } from './command-files.js';
import { recordBuild, type FinishedBuild } from './consumed.js';
import { filesOutOfMakesSight, objectsToCompile, type Changed } from './rebuilt.js';
import { roomIn } from './room.js';
import { maybeUnseen, unseenChanges } from './unseen.js';

const paths = z.array(z.string());
const schema = z.object({
  /** Where the tree stands: the commit, or with fix-ups what came of them. */
  head: z.string(),
  commit: z.string(),
  recipe: z.string(),
  /** The recipe but for the configuration. */
  family: z.string(),
  /** A build that was begun and did not end by itself may have left half of a file. */
  building: z.boolean(),
  /** Of all builds since the tree was empty. */
  reads: z.object({ files: paths, directories: paths }),
});
type State = z.infer<typeof schema>;

/** What a cancelled build has read is looked at all the same. */
const NOT_CANCELLED = new AbortController().signal;

/** What a build is of. */
export interface BuildSource {
  readonly commit: CommitId;
  /** Cherry-picked on top, in order. */
  readonly fixups: readonly CommitId[];
  readonly recipe: Digest;
  /** The recipe but for the configuration. */
  readonly family: Digest;
  /** Objects of another configuration may be built upon: kbuild knows which of them a setting changes. */
  readonly anyConfig?: boolean;
  /** Nothing of what was built before is to be used. */
  readonly clean?: boolean;
}

/** A build that was done elsewhere. */
export interface Foreign {
  /** That was checked out, with nothing picked on it. */
  readonly commit: string;
  readonly record: BuildRecord;
}

/**
 * A worktree with the objects of its last build. What git changes has new times, so make builds that and nothing else;
 * where make would not see a change, or a build was killed, the objects are thrown away and ccache has them.
 */
export class BuildTree {
  #state: State | undefined;
  #record: BuildRecord | undefined;
  /** Where the tree that is built upon stood, and when what a checkout has replaced in it was changed before. */
  #replaced: { readonly head: string; readonly times: ReadonlyMap<string, number> } | undefined;

  readonly #commandFiles = new CommandFiles();

  /** Files whose times were set and git does not know it. */
  #retimed: readonly string[] = [];

  private constructor(readonly worktree: Worktree) {}

  static async open(worktree: Worktree): Promise<BuildTree> {
    const tree = new BuildTree(worktree);
    try {
      tree.#state = schema.parse(JSON.parse(await readFile(`${worktree.directory}.state`, 'utf8')));
      tree.#record = await decodeBuildRecord(await readFile(`${worktree.directory}.record`));
    } catch {
      // No tree yet, or one of another version: its objects are not trusted.
    }
    return tree;
  }

  get directory(): string {
    return this.worktree.directory;
  }

  /** What was built here last; undefined when nothing is here to build upon. */
  get warm(): { readonly commit: CommitId; readonly recipe: Digest } | undefined {
    const state = this.#state;
    if (state === undefined || state.building || this.#record === undefined) return undefined;
    return { commit: commitId(state.commit), recipe: state.recipe as Digest };
  }

  /** Whether a build of the source can build upon what is here. */
  isWarmFor({ recipe, family, anyConfig, clean }: BuildSource): boolean {
    if (this.warm === undefined || clean === true) return false;
    return this.warm.recipe === recipe || (anyConfig === true && this.#state?.family === family);
  }

  /** The share, 0 to 1, of the objects that a build of the source would compile here. */
  async shareToCompile(source: BuildSource): Promise<number> {
    if (!this.isWarmFor(source) || this.#record === undefined) return 1;
    return this.#share(this.#record, [this.#state!.head, source.commit]);
  }

  /** The share of the objects that would be compiled here upon what a recorded build of another commit has made. */
  async shareUpon({ commit, record }: Foreign): Promise<number> {
    return this.#share(record, [commit, this.#state!.head]);
  }

  async #share(record: BuildRecord, ends: readonly [string, string]): Promise<number> {
    const changes = await this.#changes(...ends);
    if (filesOutOfMakesSight(record, changes).length > 0) return 1;
    const { git } = this.worktree.mirror;
    const unseen = await unseenChanges(git, record, changes, ends, [], NOT_CANCELLED);
    const seen = changes.filter(({ path }) => !unseen.has(path));
    return objectsToCompile(record, seen) / Math.max(1, record.objects.length);
  }

  /**
   * Brings the source, with what was built of it before as far as that can be built upon.
   * @throws KbisectError `failed-precondition` naming the files when a fix-up does not apply
   */
  async checkout(source: BuildSource, signal: AbortSignal): Promise<void> {
    const { commit, fixups, recipe, family } = source;
    const warm = this.isWarmFor(source);
    const before = this.#state;
    // What happens between here and the end of the build would not be seen by the next one.
    if (before) await this.#keep({ ...before, building: true });
    const times = warm
      ? await this.#timesOf(maybeUnseen(this.#record!, await this.#changes(before!.head, commit)))
      : new Map();
    await this.worktree.checkout(commit, signal);
    const head = await this.#cherryPick(commit, fixups, signal);
    const usable = warm && !this.#isOutOfMakesSight(await this.#changes(before!.head, head));
    if (!usable) {
      await this.worktree.clean(signal);
      if (before?.recipe !== recipe) await this.#forgetRecord();
    }
    this.#retimed = [];
    this.#replaced = usable ? { head: before!.head, times } : undefined;
    const reads = usable ? before!.reads : { files: [], directories: [] };
    await this.#keep({ head, commit, recipe, family, building: true, reads });
  }

  /**
   * Gives files whose change no compiler sees the times that they had, so that make sees none either. To be called when
   * the tree is configured.
   */
  async overlook(signal: AbortSignal): Promise<void> {
    const { head, times } = this.#replaced ?? { head: '', times: new Map<string, number>() };
    if (times.size === 0) return;
    const { unseen } = await this.#changesUpon({ commit: head, record: this.#record! }, signal);
    for (const path of unseen) {
      const time = times.get(path);
      if (time !== undefined) await utimes(join(this.directory, path), time, time);
    }
    this.#retimed = [...unseen];
  }

  /** Whether nothing that was built before is here. */
  get isEmpty(): boolean {
    return this.#replaced === undefined;
  }

  /**
   * Takes over what a build of another commit has made elsewhere, so that make builds what differs and nothing else. To be
   * called within `build`, when the tree is configured and otherwise empty.
   * @param unpack brings it, newer than the files that are here
   * @throws whatever `unpack` does; nothing that was made is here then, the configuration neither
   */
  async adopt(foreign: Foreign, unpack: () => Promise<void>, signal: AbortSignal): Promise<void> {
    const { changes, unseen } = await this.#changesUpon(foreign, signal);
    await this.worktree.clean(signal);
    try {
      await unpack();
    } catch (error) {
      await this.worktree.clean(NOT_CANCELLED);
      throw error;
    }
    const { record } = foreign;
    const seen = changes.filter(({ status, path }) => status !== 'D' && !unseen.has(path));
    this.#retimed = seen.map(({ path }) => path);
    const now = Date.now() / 1000 + 0.001;
    for (const name of this.#retimed) {
      const path = join(this.directory, name);
      // Whether it was read stays to be seen.
      await lutimes(path, (await lstat(path)).atime, now);
    }
    this.#record = record;
    // It has read that; what an object is made of stands beside the object.
    const read = [...record.makefiles, ...record.kconfig, ...record.tools, ...(record.texts ?? [])];
    const files = [...new Set(read)].map((index) => record.files[index]!);
    await this.#keep({ ...this.#state!, reads: { files, directories: record.directories } });
  }

  /** What differs from another commit, and what of it no compiler sees by the configuration that is here. */
  async #changesUpon({ commit, record }: Foreign, signal: AbortSignal) {
    const settings = parseConfig(await readFile(join(this.directory, '.config'), 'utf8'));
    const on = settings.flatMap(({ symbol, value }) =>
      value === 'n' ? [] : [symbol.replace(/^CONFIG_/, '')],
    );
    const ends = [commit, this.#state!.head] as const;
    const changes = await this.#changes(...ends);
    const { git } = this.worktree.mirror;
    return { changes, unseen: await unseenChanges(git, record, changes, ends, on, signal) };
  }

  /** Runs a build, configuration and all, and gives what it read so far in this tree. */
  async build<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    if (this.#state === undefined) throw new KbisectError('internal', 'a build without a checkout');
    const tracked = await this.#tracked(signal);
    await forgetReads(this.directory, tracked, signal);
    const room = await roomIn(this.directory);
    let killed = false;
    try {
      return await work();
    } catch (error) {
      // A make that was told to end has cleaned up behind itself; one that was killed has not.
      killed = !(error instanceof KbisectError && error.code === 'cancelled' && error.cause !== 'SIGKILL');
      throw await this.#blamed(error, room);
    } finally {
      if (!killed) {
        const read = await readsSince(this.directory, NOT_CANCELLED);
        // Not before: git reads files for it that the build did not.
        await this.worktree.timesChanged(this.#retimed, NOT_CANCELLED);
        this.#retimed = [];
        const state: State = this.#state;
        const known = new Set(tracked);
        const reads = merge(state.reads, { ...read, files: read.files.filter((path) => known.has(path)) });
        await this.#keep({ ...state, building: false, reads });
      }
    }
  }

  /** What the build that just succeeded consumed. */
  async record(
    build: Pick<FinishedBuild, 'seconds' | 'began' | 'asked'>,
    signal: AbortSignal,
  ): Promise<BuildRecord> {
    const tracked = new Set(await this.#tracked(signal));
    const { reads } = this.#state!;
    const commandFiles = this.#commandFiles;
    const finished = { ...build, tree: this.directory, reads, tracked, commandFiles };
    const record = await recordBuild(finished, signal);
    await writeFile(`${this.directory}.record`, await encodeBuildRecord(record));
    this.#record = record;
    return record;
  }

  /** A disk that is full, and is not when what the build wrote is gone, is no fault of this machine's. */
  async #blamed(error: unknown, roomBefore: number): Promise<unknown> {
    if (!(error instanceof KbisectError && error.code === 'resource-exhausted')) return error;
    await this.worktree.clean(NOT_CANCELLED).catch(() => undefined);
    if ((await roomIn(this.directory)) < 0.9 * roomBefore) return error;
    return new KbisectError('command-failed', `the build itself fills the disk: ${error.message}`, {
      cause: error,
    });
  }

  /** Leaves nothing of it. */
  async remove(): Promise<void> {
    this.#state = this.#record = undefined;
    for (const path of [`${this.directory}.state`, `${this.directory}.record`, this.directory]) {
      await rm(path, { recursive: true, force: true });
    }
  }

  /** Whether a change may change what is built though make would not notice. */
  #isOutOfMakesSight(changes: readonly Changed[]): boolean {
    if (filesOutOfMakesSight(this.#record!, changes).length > 0) return true;
    // A build that failed has left objects, and no record of what they are made of.
    const recorded = new Set(this.#record!.files);
    const unrecorded = new Set(this.#state!.reads.files.filter((path) => !recorded.has(path)));
    return changes.some(({ path }) => unrecorded.has(path));
  }

  /** It is of another recipe than what is built next, which may fail. */
  async #forgetRecord(): Promise<void> {
    this.#record = undefined;
    await rm(`${this.directory}.record`, { force: true });
  }

  /** When files were changed, in seconds, whole milliseconds, never later than it was. */
  async #timesOf(changes: readonly Changed[]): Promise<Map<string, number>> {
    const times = new Map<string, number>();
    for (const { path } of changes) {
      const found = await stat(join(this.directory, path)).catch(() => undefined);
      if (found) times.set(path, Math.floor(found.mtimeMs) / 1000);
    }
    return times;
  }

  async #changes(from: string, to: string): Promise<Changed[]> {
    const args = ['diff-tree', '-r', '--no-renames', '--name-status', '-z', from, to, '--'];
    const words = (await this.worktree.mirror.git.text(args)).split('\0');
    return words.flatMap((status, at) =>
      at % 2 === 0 && status !== '' ? { status, path: words[at + 1]! } : [],
    );
  }

  async #cherryPick(commit: CommitId, fixups: readonly CommitId[], signal: AbortSignal): Promise<CommitId> {
    for (const fixup of fixups) {
      if (await this.worktree.mirror.git.isAncestor(fixup, commit)) continue;
      await this.worktree.cherryPick(fixup, signal);
    }
    return new Git(this.directory).resolveCommit('HEAD');
  }

  async #tracked(signal: AbortSignal): Promise<string[]> {
    const listed = await new Git(this.directory).text(['ls-files', '-z'], { signal });
    return listed.split('\0').filter((path) => path !== '');
  }

  async #keep(state: State): Promise<void> {
    this.#state = state;
    const path = `${this.directory}.state`;
    await writeFile(`${path}.new`, JSON.stringify(state));
    await rename(`${path}.new`, path);
  }
}

function merge(one: Reads, other: Reads): { files: string[]; directories: string[] } {
  return {
    files: [...new Set([...one.files, ...other.files])],
    directories: [...new Set([...one.directories, ...other.directories])],
  };
}
