import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { binaryEntropy, type Foresight } from './entropy.js';
import { OLD_END, RevListParser, type CommitGraph, type CommitIndex } from './graph.js';
import { Ancestors, drawHypotheses, type Hypotheses } from './hypotheses.js';
import { Partition } from './partition.js';
import { selectCommits } from './select.js';

/** A graph of commits that each have one or two of the commits before them as parents. */
const graphs = fc
  .array(fc.tuple(fc.nat(), fc.nat(), fc.boolean()), { minLength: 1, maxLength: 24 })
  .map((draws) =>
    graphOf(draws.map(([one, other, merge], at) => (merge ? [one % (at + 1), other % (at + 1)] : [at]))),
  );

describe('the tests that are chosen', () => {
  it('are those that greedy choice by joint information chooses, without taking its time', () => {
    fc.assert(
      fc.property(
        graphs,
        fc.integer({ min: 1, max: 5 }),
        fc.infiniteStream(fc.integer({ min: 1, max: 9 })),
        (graph, slots, draws) => {
          const weights = Float64Array.from({ length: graph.size }, () => draws.next().value as number);
          const hypotheses = drawHypotheses(weights, 1000);
          const ancestors = new Ancestors(graph, hypotheses);
          const worth = { commits: new Float64Array(graph.size).fill(1), oldEnd: 0 };
          const chosen = selectCommits(ancestors, greedily(hypotheses, ancestors), [], slots, worth);
          const plain = new Partition(hypotheses, ancestors);
          for (const commit of chosen) {
            const gains = Array.from({ length: graph.size }, (_, each) => plain.gain(each));
            expect(plain.gain(commit)).toBeCloseTo(Math.max(...gains), 9);
            plain.add(commit);
          }
          const rest = Array.from({ length: graph.size }, (_, each) => plain.gain(each));
          if (chosen.length < slots) expect(Math.max(...rest)).toBeLessThan(1e-8);
        },
      ),
    );
  });

  it('leave no more rounds than those that greedy choice chooses, and sometimes fewer', () => {
    let better = 0;
    fc.assert(
      fc.property(graphs, fc.integer({ min: 2, max: 5 }), (graph, slots) => {
        const hypotheses = drawHypotheses(new Float64Array(graph.size).fill(1), 1000);
        const ancestors = new Ancestors(graph, hypotheses);
        const worth = { commits: new Float64Array(graph.size).fill(1), oldEnd: 0 };
        const [exchanged, greedy] = [
          new Partition(hypotheses, ancestors),
          greedily(hypotheses, ancestors),
        ].map((foresight) => {
          const tests = new Partition(hypotheses, ancestors);
          for (const commit of selectCommits(ancestors, foresight, [], slots, worth)) tests.add(commit);
          return tests.roundsAfter(OLD_END, slots); // which parts nothing
        });
        expect(exchanged).toBeLessThan(greedy! + 1e-9);
        if (exchanged! < greedy! - 1e-3) better++;
      }),
    );
    expect(better).toBeGreaterThan(0);
  });

  it('tell no less together than one by one would be bounded by, and never what is in flight again', () => {
    fc.assert(
      fc.property(graphs, fc.nat(), (graph, draw) => {
        const hypotheses = drawHypotheses(new Float64Array(graph.size).fill(1), 1000);
        const ancestors = new Ancestors(graph, hypotheses);
        const inFlight = [draw % graph.size];
        const commits = Float64Array.from({ length: graph.size }, (_, each) =>
          inFlight.includes(each) ? 0 : 1,
        );
        const alone = new Partition(hypotheses, ancestors);
        const beside = new Partition(hypotheses, ancestors);
        beside.add(inFlight[0]!);
        for (let commit = 0; commit < graph.size; commit++) {
          expect(beside.gain(commit)).toBeLessThanOrEqual(alone.gain(commit) + 1e-9);
        }
        const chosen = selectCommits(ancestors, alone, inFlight, 3, { commits, oldEnd: 0 });
        expect(chosen).not.toContain(inFlight[0]);
        expect(new Set(chosen).size).toBe(chosen.length);
      }),
    );
  });

  it('prefer a cheap image to a better test that takes ten times as long', () => {
    const graph = graphOf(Array.from({ length: 15 }, (_, at) => [at]));
    const hypotheses = drawHypotheses(new Float64Array(16).fill(1), 1000);
    const ancestors = new Ancestors(graph, hypotheses);
    const commits = new Float64Array(16).fill(0.1);
    commits[3] = 1;
    const choose = () =>
      selectCommits(ancestors, new Partition(hypotheses, ancestors), [], 1, { commits, oldEnd: 0 });
    expect(choose()).toEqual([3]);
    commits[3] = 0.11;
    expect(choose()).toEqual([7]);
  });

  it('leave the old end out where it can tell nothing', () => {
    const graph = graphOf([[0]]);
    const hypotheses = drawHypotheses(Float64Array.of(1, 1), 1000);
    const ancestors = new Ancestors(graph, hypotheses);
    const worth = { commits: Float64Array.of(1, 1), oldEnd: 100 };
    const chosen = selectCommits(ancestors, new Partition(hypotheses, ancestors), [], 3, worth);
    expect(chosen).not.toContain(OLD_END);
    expect(chosen).toEqual([0]);
  });
});

describe('binary entropy', () => {
  it('is one bit of a fair coin and none of a sure one', () => {
    expect([0, 0.5, 1, -1e-12].map(binaryEntropy)).toEqual([0, 1, 0, 0]);
  });
});

/** A partition of which no test can be taken back. */
function greedily(hypotheses: Hypotheses, ancestors: Ancestors): Foresight {
  const partition = new Partition(hypotheses, ancestors);
  return { gain: (commit) => partition.gain(commit), add: (commit) => partition.add(commit) };
}

/** @param parents of each commit but the first, which has none */
function graphOf(parents: readonly (readonly CommitIndex[])[]): CommitGraph {
  const id = (commit: CommitIndex) => (commit + 1).toString(16).padStart(40, '0');
  const all = [[], ...parents];
  const lines = all.map((its, commit) => [commit, ...new Set(its)].map(id).join(' ')).reverse();
  const parser = new RevListParser();
  parser.push(Buffer.from(`${lines.join('\n')}\n`));
  return parser.end();
}
