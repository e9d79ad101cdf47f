import { Verdict } from '@kbisect/shared/gen/kbisect/v1/job';
import { commitId, type CommitId } from '@kbisect/shared/ids';
import type { Prediction } from '../classes/prediction.js';
import { OLD_END, type CommitGraph, type CommitIndex } from '../search/graph.js';
import { suspectPrior, type Suspects } from '../search/priors.js';
import { Search, type Reading } from '../search/search.js';
import type { Ends } from './ends.js';
import type { Evidence } from './evidence.js';
import type { FactOf } from './facts.js';
import { CONFIDENCE, noiseOf, readingOf } from './noise.js';
import type { Marks } from './marks.js';
import type { Range } from './range.js';

/** A search, its range, and whether the trials that it is told of may err. */
export interface Standing {
  readonly graph: CommitGraph;
  readonly search: Search;
  readonly noisy: boolean;
}

type Heard = FactOf<'built'> | FactOf<'tried'> | FactOf<'judged'>;

/** A job's search: made anew, of all that was heard, whenever something comes to light that changes how it is read. */
export class JobSearch {
  /** In the order that it became known. */
  #heard: Heard[] = [];
  #range: Range | undefined;
  #search: Search | undefined;
  #suspects: readonly Suspects[] = [];
  /** The foretold class of each commit that is not alone in its own. */
  #classes = new Map<CommitId, readonly CommitId[]>();
  /** Commits that were seen to be old or new: their images can be tested. */
  #spoken = new Set<CommitId>();
  /** Verdicts have contradicted each other, so that single trials cannot be relied on. */
  #contradicted = false;

  constructor(
    private readonly ends: Ends,
    private readonly evidence: Evidence,
    private readonly prediction: Prediction | undefined,
    private readonly marks: Marks,
  ) {}

  /** The search; none before the range is read. */
  get standing(): Standing | undefined {
    if (this.#range === undefined || this.#search === undefined) return undefined;
    return { graph: this.#range.graph, search: this.#search, noisy: this.noisy };
  }

  get range(): Range | undefined {
    return this.#range;
  }

  /** Whether trials of one commit may disagree: each is told to the search for itself then. */
  get noisy(): boolean {
    return this.evidence.runs > 1 || this.#contradicted;
  }

  attach(range: Range): void {
    this.#range = range;
    this.renew();
  }

  /** Commits that a crash makes likelier than others, besides those that the range came with. */
  suspect(suspects: readonly Suspects[]): void {
    this.#suspects = suspects;
    this.renew();
  }

  hear(fact: Heard): void {
    this.#heard.push(fact);
    if (this.#range === undefined || this.#search === undefined) return;
    // Only when the ends are proved is it known which trials speak for which.
    const proves = fact.$case === 'judged' && this.ends.isEnd(commitId(fact.value.commit));
    if (this.noisy && proves) this.renew();
    else this.#tell(this.#search, this.#range.graph, fact);
    this.#doubt();
  }

  /** Takes back, when the search is next made anew, what a commit was judged to be. */
  forgetVerdict(commit: CommitId): void {
    this.#heard = this.#heard.filter(({ $case, value }) => $case !== 'judged' || value.commit !== commit);
  }

  /** Makes the search anew: the prediction of classes, or what else it is made of, has changed. */
  renew(): void {
    if (this.#range === undefined) return;
    const { graph } = this.#range;
    const { proof } = this.ends;
    const suspects = [...this.#range.suspects, ...this.#suspects];
    const prior = suspects.length > 0 ? { prior: suspectPrior(graph, suspects) } : {};
    const noise = this.noisy && proof ? { noise: { ...noiseOf(proof), confidence: CONFIDENCE } } : {};
    const search = new Search(graph, { seed: 1, ...prior, ...noise });
    for (const [commit, verdict] of this.marks.verdicts) {
      const index = graph.indexOf(commit);
      if (index !== undefined) search.settle(index, READINGS[verdict]);
    }
    this.#classes = new Map();
    this.#spoken = new Set();
    for (const group of this.prediction?.groups() ?? []) {
      for (const commit of group) this.#classes.set(commit, group);
      this.#equateNeighbours(search, graph, group);
    }
    for (const fact of this.#heard) this.#tell(search, graph, fact);
    this.#search = search;
    this.#doubt();
  }

  /** Forgets all of it. */
  release(): void {
    this.#heard = [];
    this.#range = this.#search = undefined;
    this.#suspects = [];
    this.#classes = new Map();
    this.#spoken = new Set();
  }

  /** From now on single trials are not relied on: a check has contradicted what they said. */
  distrust(): void {
    if (this.noisy) return;
    this.#contradicted = true;
    this.renew();
  }

  #doubt(): void {
    if (this.#contradicted || this.#search?.contradicted !== true) return;
    this.#contradicted = true;
    this.renew();
  }

  #tell(search: Search, graph: CommitGraph, fact: Heard): void {
    const commit = commitId(fact.value.commit);
    const index = this.place(graph, commit);
    if (index === undefined) return;
    switch (fact.$case) {
      case 'built': {
        if (fact.value.equalTo) return;
        const twins = this.evidence.alike(commit);
        this.#equateNeighbours(search, graph, [...twins, commit]);
        if (twins.some((twin) => this.#spoken.has(twin))) this.#speaks(search, graph, commit);
        return;
      }
      case 'tried': {
        const { proof, wanted } = this.ends;
        if (!this.noisy || proof === undefined || fact.value.outcome === undefined) return;
        const reading = readingOf(fact.value.outcome, proof, wanted);
        if (reading === undefined) return;
        this.#speaks(search, graph, commit);
        search.observe(index, reading);
        return;
      }
      case 'judged': {
        const { verdict, inferred } = fact.value;
        if (inferred || verdict === Verdict.VERDICT_UNSPECIFIED) return;
        const reading = READINGS[verdict];
        if (reading !== 'skip') this.#speaks(search, graph, commit);
        if (index === OLD_END) return;
        // All candidates are ancestors of the last commit: whatever it is, it tells none from another.
        const telling = this.noisy ? reading === 'skip' : index !== graph.size - 1;
        if (telling) search.observe(index, reading);
        return;
      }
    }
  }

  /** A commit was seen to be old or new, and so is every commit of the same image. */
  #speaks(search: Search, graph: CommitGraph, commit: CommitId): void {
    if (this.#spoken.has(commit)) return;
    this.#spoken.add(commit);
    this.#equate(search, graph, [
      commit,
      ...(this.#classes.get(commit) ?? []),
      ...this.evidence.alike(commit),
    ]);
  }

  /**
   * Tells that commits give one image of which nothing is known yet. It may be one that cannot be tested, as another bug
   * hides the one that is looked for; then it says nothing of what lies between two of them. But a commit that leaves the
   * image of its parents as it was did nothing, whatever the image shows.
   */
  #equateNeighbours(search: Search, graph: CommitGraph, commits: readonly CommitId[]): void {
    const places = new Set(commits.flatMap((commit) => this.place(graph, commit) ?? []));
    for (const place of places) {
      if (place === OLD_END) continue;
      const parents = [...graph.parents(place)];
      const known = parents.length > 0 ? parents : [OLD_END];
      if (known.every((parent) => places.has(parent))) search.equate(place, known[0]!);
    }
  }

  /** Tells that commits give one image, which can be tested. */
  #equate(search: Search, graph: CommitGraph, commits: readonly CommitId[]): void {
    const [first, ...others] = [...new Set(commits.flatMap((commit) => this.place(graph, commit) ?? []))];
    for (const other of others) search.equate(Math.max(first!, other), Math.min(first!, other));
  }

  /** A commit's place in the range, or the old end's, for those outside of it that are old. */
  place(graph: CommitGraph, commit: CommitId): CommitIndex | undefined {
    return graph.indexOf(commit) ?? (this.ends.isOld(commit) ? OLD_END : undefined);
  }

  /** The commit at a place; the first of the old ends at the old end's. */
  commitAt(graph: CommitGraph, place: CommitIndex): CommitId {
    return place === OLD_END ? this.ends.olds[0]! : graph.id(place);
  }
}

/** Verdicts in the search's words. */
export const READINGS: Record<Exclude<Verdict, Verdict.VERDICT_UNSPECIFIED>, Reading> = {
  [Verdict.VERDICT_OLD]: 'old',
  [Verdict.VERDICT_NEW]: 'new',
  [Verdict.VERDICT_SKIP]: 'skip',
};
