import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RevListParser, type CommitGraph, type CommitIndex } from './graph.js';
import { Search } from './search.js';
import { suspectPrior } from './priors.js';

/** A commit's parents, older commits by their places; none for one whose parents are all outside of the range. */
type Parents = readonly (readonly number[])[];

/** Ranges of up to 14 commits with merges, several roots, and a last commit that descends from all others. */
const ranges: fc.Arbitrary<Parents> = fc
  .integer({ min: 1, max: 14 })
  .chain((size) =>
    fc.tuple(
      ...Array.from({ length: size }, (_, place) =>
        place === 0
          ? fc.constant([])
          : fc.uniqueArray(fc.integer({ min: 0, max: place - 1 }), { minLength: 0, maxLength: 3 }),
      ),
    ),
  )
  .map((parents) => {
    const last = parents.length - 1;
    const heads = parents.map((_, place) => place).filter((place) => !parents.flat().includes(place));
    return parents.map((its, place) =>
      place === last ? [...new Set([...its, ...heads.filter((head) => head !== last)])] : its,
    );
  });

function graphOf(parents: Parents): CommitGraph {
  const id = (place: number) => (place + 1).toString(16).padStart(40, '0');
  const parser = new RevListParser();
  for (const place of [...parents.keys()].reverse()) {
    parser.push(Buffer.from(`${[place, ...parents[place]!].map(id).join(' ')}\n`));
  }
  return parser.end();
}

/** Of each commit its ancestors, itself included, by the plainest means. */
function ancestorSets(parents: Parents): Set<number>[] {
  const sets: Set<number>[] = [];
  parents.forEach((its, place) => sets.push(new Set([place, ...its.flatMap((one) => [...sets[one]!])])));
  return sets;
}

/** A job to be searched: its range, which of the commits did it, which cannot be tested, and how the farm behaves. */
const jobs = ranges.chain((parents) =>
  fc.record({
    parents: fc.constant(parents),
    culprit: fc.nat(parents.length - 1),
    untestable: fc.array(fc.boolean(), { minLength: parents.length, maxLength: parents.length }),
    suspects: fc.array(fc.nat(parents.length - 1)),
    slots: fc.integer({ min: 1, max: 4 }),
    seed: fc.nat(),
    /** Whose test ends next. */
    picks: fc.infiniteStream(fc.nat()),
  }),
);

type ExampleJob = typeof jobs extends fc.Arbitrary<infer T> ? T : never;

/** Searches to the end, tests ending in any order; gives the search and the commits whose tests ended. */
function searched(job: ExampleJob, testable: (commit: CommitIndex) => boolean) {
  const graph = graphOf(job.parents);
  const ancestors = ancestorSets(job.parents);
  const prior = suspectPrior(graph, [{ commits: job.suspects, weight: 5 }]);
  const search = new Search(graph, { seed: job.seed, prior });
  const tested: CommitIndex[] = [];
  let inFlight: CommitIndex[] = [];
  for (;;) {
    const chosen = search.choose({ slots: job.slots - inFlight.length, inFlight });
    for (const commit of chosen) expect([...tested, ...inFlight]).not.toContain(commit);
    inFlight.push(...chosen);
    if (inFlight.length === 0) break;
    const [commit] = inFlight.splice(Number(job.picks.next().value) % inFlight.length, 1);
    tested.push(commit!);
    const isNew = ancestors[commit!]!.has(job.culprit);
    search.observe(commit!, !testable(commit!) ? 'skip' : isNew ? 'new' : 'old');
    const futile = new Set(search.futile(inFlight));
    inFlight = inFlight.filter((one) => !futile.has(one));
  }
  return { search, tested };
}

describe('a search of any range', () => {
  it('ends with the culprit, whatever it is, in whatever order the verdicts come', () => {
    fc.assert(
      fc.property(jobs, (job) => {
        const { search } = searched(job, () => true);
        expect(search.conclusion()).toEqual({ kind: 'found', culprit: job.culprit, confidence: 1 });
      }),
      { numRuns: 1000 },
    );
  });

  it('ends, where commits cannot be tested, with just those that no testable commit tells from the culprit', () => {
    fc.assert(
      fc.property(jobs, (job) => {
        const testable = (commit: CommitIndex) => !job.untestable[commit];
        const { search } = searched(job, testable);
        const ancestors = ancestorSets(job.parents);
        const tests = [...ancestors.keys()].filter(testable);
        const alike = [...ancestors.keys()].filter((commit) =>
          tests.every((test) => ancestors[test]!.has(commit) === ancestors[test]!.has(job.culprit)),
        );
        expect(search.conclusion()).toEqual(
          alike.length === 1
            ? { kind: 'found', culprit: job.culprit, confidence: 1 }
            : { kind: 'ambiguous', candidates: alike, confidence: 1 },
        );
      }),
      { numRuns: 1000 },
    );
  });

  it('asks, one test at a time, no question whose answer follows from the earlier ones', () => {
    fc.assert(
      fc.property(jobs, (job) => {
        const ancestors = ancestorSets(job.parents);
        const { tested } = searched({ ...job, slots: 1 }, () => true);
        let left = [...ancestors.keys()];
        for (const test of tested) {
          const inside = left.filter((candidate) => ancestors[test]!.has(candidate));
          expect(inside.length).toBeGreaterThan(0);
          expect(inside.length).toBeLessThan(left.length);
          left = ancestors[test]!.has(job.culprit)
            ? inside
            : left.filter((candidate) => !inside.includes(candidate));
        }
        expect(left).toEqual([job.culprit]);
      }),
      { numRuns: 300 },
    );
  });

  it('takes a withdrawn test’s late verdict for what it is worth', () => {
    fc.assert(
      fc.property(jobs, fc.infiniteStream(fc.nat()), (job, late) => {
        const graph = graphOf(job.parents);
        const ancestors = ancestorSets(job.parents);
        const search = new Search(graph, { seed: job.seed });
        const left = () => search.remaining;
        for (let n = 0; n < graph.size; n++) {
          const before = left();
          const commit = Number(late.next().value) % graph.size;
          search.observe(commit, ancestors[commit]!.has(job.culprit) ? 'new' : 'old');
          expect(left()).toBeLessThanOrEqual(before);
        }
        const conclusion = search.conclusion();
        if (conclusion.kind === 'found') expect(conclusion.culprit).toBe(job.culprit);
      }),
      { numRuns: 300 },
    );
  });

  it('of equal images rules out every commit that only one of them contains', () => {
    fc.assert(
      fc.property(jobs, fc.nat(), fc.nat(), (job, some, other) => {
        const ancestors = ancestorSets(job.parents);
        const [one, two] = [some % ancestors.length, other % ancestors.length];
        // They are equal only if the culprit is in both or in neither.
        fc.pre(ancestors[one]!.has(job.culprit) === ancestors[two]!.has(job.culprit));
        const search = new Search(graphOf(job.parents), { seed: job.seed });
        search.equate(one, two);
        const alike = [...ancestors.keys()].filter(
          (commit) => ancestors[one]!.has(commit) === ancestors[two]!.has(commit),
        );
        expect(search.remaining).toBe(alike.length);
      }),
      { numRuns: 300 },
    );
  });
});
