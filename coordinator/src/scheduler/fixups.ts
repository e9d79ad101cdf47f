import { commitId, type CommitId } from '@kbisect/shared/ids';
import type { RangeChanges } from '../classes/prediction.js';
import { ancestorsOf } from '../search/ancestry.js';
import type { CommitGraph, CommitIndex } from '../search/graph.js';
import type { Fact, FactOf } from './facts.js';

/** So many commits that fail alike make a run that is worth mending, before nothing else is left to test. */
const RUN = 2;

/** How a build that failed was made. */
interface Failure {
  readonly signature: string;
  readonly fixups: readonly CommitId[];
}

/**
 * Commits that do not build, and what mends them. Those that fail alike are taken for a run of commits that one commit
 * has ended: it is looked for among those that touch the file in which the build fails, and then cherry-picked on the
 * commits of the run, so that a culprit among them is found all the same.
 */
export class Fixups {
  readonly #failures = new Map<CommitId, Failure>();
  readonly #builds = new Set<CommitId>();
  /** With what commits were built that do not build as they are. */
  readonly #picked = new Map<CommitId, readonly CommitId[]>();
  /** By signature, the commit that mends; undefined when there is none. */
  readonly #mends = new Map<string, CommitId | undefined>();
  readonly #lines = new Map<CommitId, Uint8Array>();

  /**
   * Takes in a build, made with the given fix-ups.
   * @returns whether the commit is to be built again, with one more
   */
  built({ value }: FactOf<'built'>, fixups: readonly CommitId[]): boolean {
    const commit = commitId(value.commit);
    if (value.image !== undefined) {
      if (fixups.length === 0) this.#builds.add(commit);
      else this.#picked.set(commit, fixups);
      this.#failures.delete(commit);
      return false;
    }
    const signature = value.failureSignature ?? '';
    this.#failures.set(commit, { signature, fixups });
    const mend = this.#mends.get(signature);
    return mend !== undefined && !fixups.includes(mend);
  }

  /** Takes in what mends a run, or that nothing does; gives the commits that are to be built again. */
  mended({ value }: FactOf<'mended'>): CommitId[] {
    const fixup = value.fixup === '' ? undefined : commitId(value.fixup);
    this.#mends.set(value.failureSignature, fixup);
    if (fixup === undefined) return [];
    return [...this.#failures].flatMap(([commit, { signature }]) =>
      signature === value.failureSignature ? [commit] : [],
    );
  }

  /** What is cherry-picked on a commit before it is built: what its own failure needs, and that of its run. */
  of(commit: CommitId, graph: CommitGraph): CommitId[] {
    const picked = this.#picked.get(commit);
    if (picked !== undefined) return [...picked];
    const own = this.#failures.get(commit);
    const needed = new Set(own?.fixups);
    const signatures = own === undefined ? this.#runsOf(commit, graph) : [own.signature];
    for (const signature of signatures) {
      const mend = this.#mends.get(signature);
      if (mend !== undefined && !this.#isAncestor(mend, commit, graph)) needed.add(mend);
    }
    return [...needed];
  }

  /** With what a commit was built that does not build as it is. */
  pickedOn(commit: CommitId): readonly CommitId[] {
    return this.#picked.get(commit) ?? [];
  }

  /**
   * The fact that ends the search for what mends a run, or the commit to be built next for it.
   * @param stuck whether nothing else is left to test
   * @param isSkipped whether a commit cannot be tested
   */
  next(
    graph: CommitGraph,
    range: RangeChanges | undefined,
    stuck: boolean,
    isSkipped: (commit: CommitId) => boolean,
  ): Fact | { probe: CommitId } | undefined {
    for (const [signature, broken] of this.#runs()) {
      if (this.#mends.has(signature) || broken.length < (stuck ? 1 : RUN)) continue;
      const enders = this.#enders(broken, signature, graph, range, isSkipped);
      if (enders === undefined) continue;
      const middle = enders[Math.floor((enders.length - 1) / 2)];
      if (enders.length > 1 && middle !== undefined) return { probe: graph.id(middle) };
      // A merge cannot be picked.
      const fixup = middle === undefined || graph.parents(middle).length > 1 ? '' : graph.id(middle);
      return { $case: 'mended', value: { failureSignature: signature, fixup } };
    }
    return undefined;
  }

  /** Commits by how they fail. */
  #runs(): Map<string, CommitId[]> {
    const runs = new Map<string, CommitId[]>();
    for (const [commit, { signature }] of this.#failures) {
      if (signature !== '') runs.set(signature, [...(runs.get(signature) ?? []), commit]);
    }
    return runs;
  }

  /**
   * Commits that can have ended the run: those between its last known commit and the next one that builds which touch the
   * file that does not compile, or any when none does. Undefined while no commit behind the run is known to build.
   */
  #enders(
    broken: readonly CommitId[],
    signature: string,
    graph: CommitGraph,
    range: RangeChanges | undefined,
    isSkipped: (commit: CommitId) => boolean,
  ): CommitIndex[] | undefined {
    const places = (commits: Iterable<CommitId>) =>
      [...commits].flatMap((commit) => graph.indexOf(commit) ?? []);
    const last = Math.max(...places(broken));
    const after = places(this.#builds).filter((index) => this.#line(graph.id(index), graph)[last] === 1);
    if (!Number.isFinite(last) || after.length === 0) return undefined;
    const next = Math.min(...after);
    const behind = this.#line(graph.id(next), graph);
    const before = this.#line(graph.id(last), graph);
    const between = [...behind.keys()].filter((index) => behind[index] === 1 && before[index] === 0);
    const untried = between.filter((index) => {
      const commit = graph.id(index);
      return index === next || !(this.#failures.has(commit) || this.#builds.has(commit) || isSkipped(commit));
    });
    const touching = untried.filter((index) => touches(index, fileOf(signature), range));
    return touching.length > 0 ? touching : untried;
  }

  /** Signatures of runs in which a commit lies: behind one that is known to fail, with none between that builds. */
  #runsOf(commit: CommitId, graph: CommitGraph): string[] {
    if (graph.indexOf(commit) === undefined || this.#builds.has(commit)) return [];
    const line = this.#line(commit, graph);
    const isBefore = (other: CommitId) => line[graph.indexOf(other) ?? -1] === 1;
    const builds = [...this.#builds].filter(isBefore);
    return [...this.#failures].flatMap(([other, { signature }]) =>
      isBefore(other) && !builds.some((built) => this.#isAncestor(other, built, graph)) ? [signature] : [],
    );
  }

  #isAncestor(ancestor: CommitId, commit: CommitId, graph: CommitGraph): boolean {
    const index = graph.indexOf(ancestor);
    return (
      index !== undefined && graph.indexOf(commit) !== undefined && this.#line(commit, graph)[index] === 1
    );
  }

  /** Flags a commit's ancestors and itself. */
  #line(commit: CommitId, graph: CommitGraph): Uint8Array {
    let line = this.#lines.get(commit);
    const index = graph.indexOf(commit);
    if (line === undefined) {
      line = index === undefined ? new Uint8Array(graph.size) : ancestorsOf(graph, index);
      this.#lines.set(commit, line);
    }
    return line;
  }
}

/** The file that a failure's signature begins with, if it does. */
function fileOf(signature: string): string | undefined {
  return /^([^\s:]+\.[A-Za-z]+):/.exec(signature)?.[1];
}

function touches(index: CommitIndex, file: string | undefined, range: RangeChanges | undefined): boolean {
  let found = false;
  range?.changes.forEach(index, (path) => {
    if (range.changes.names[path] === file) found = true;
  });
  return found;
}
