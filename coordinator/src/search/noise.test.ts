import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ancestorsOf } from './ancestry.js';
import { BetaBernoulli } from './beta.js';
import { OLD_END, RevListParser, type CommitGraph } from './graph.js';
import { DEFAULT_NOISE, NoisyPosterior } from './noise.js';
import { seededRandom } from './random.js';
import { Search } from './search.js';

describe('trials of an unknown failure rate', () => {
  it('are as likely in any order, and the next one fails as often as rates between all and none say', () => {
    fc.assert(
      fc.property(fc.nat(30), fc.nat(30), (fails, passes) => {
        const trials = new BetaBernoulli({ fails: 1, passes: 1 });
        // Of a uniform rate: fails! passes! / (fails + passes + 1)!
        let expected = -Math.log(fails + passes + 1);
        for (let i = 1; i <= fails; i++) expected += Math.log(i) - Math.log(passes + i);
        expect(trials.logLikelihood(fails, passes)).toBeCloseTo(expected, 9);
        const step = trials.logLikelihood(fails + 1, passes) - trials.logLikelihood(fails, passes);
        expect(trials.nextFails(fails, passes)).toBeCloseTo(Math.exp(step), 9);
      }),
    );
  });
});

describe('the posterior under noise', () => {
  it('is Bayes of every culprit and of none, whatever the order of the trials', () => {
    const trial = fc.tuple(fc.integer({ min: OLD_END, max: 5 }), fc.boolean());
    fc.assert(
      fc.property(fc.array(trial, { maxLength: 12 }), (trials) => {
        const graph = diamond();
        const posterior = new NoisyPosterior(graph, new Float64Array(6).fill(1), DEFAULT_NOISE);
        for (const [commit, failed] of trials) posterior.observe(commit, failed);
        const onNew = new BetaBernoulli(DEFAULT_NOISE.onNew);
        const onOld = new BetaBernoulli(DEFAULT_NOISE.onOld);
        const count = (failed: boolean, on: (commit: number) => boolean) =>
          trials.filter(([commit, its]) => its === failed && on(commit)).length;
        const likelihoods = Array.from({ length: 6 }, (_, culprit) => {
          const isNew = (commit: number) => commit !== OLD_END && ancestorsOf(graph, commit)[culprit] === 1;
          const isOld = (commit: number) => !isNew(commit);
          return Math.exp(
            onNew.logLikelihood(count(true, isNew), count(false, isNew)) +
              onOld.logLikelihood(count(true, isOld), count(false, isOld)),
          );
        });
        const alike = new BetaBernoulli({ fails: 1, passes: 1 });
        const all = () => true;
        const flake =
          DEFAULT_NOISE.flake * 6 * Math.exp(alike.logLikelihood(count(true, all), count(false, all)));
        const total = likelihoods.reduce((sum, each) => sum + each, flake);
        likelihoods.forEach((each, culprit) =>
          expect(posterior.weights[culprit]).toBeCloseTo(each / total, 9),
        );
        expect(posterior.flake).toBeCloseTo(flake / total, 9);
      }),
    );
  });
});

describe('a search by trials that may err', () => {
  it('asks for the old end, too: only it tells a culprit that began the range from a flake', () => {
    const search = new Search(diamond(), { seed: 1, noise: {} });
    for (let trial = 0; trial < 12; trial++) search.observe(0, trial % 2 === 0 ? 'new' : 'old');
    expect(search.conclusion().kind).toBe('searching');
    expect(search.choose({ slots: 1, inFlight: [] })).toEqual([OLD_END]);
    for (let trial = 0; trial < 60; trial++) search.observe(OLD_END, 'old');
    expect(search.conclusion()).toMatchObject({ kind: 'found', culprit: 0 });
  });

  it('spends no build on a commit of which it is nearly sure, however cheap the repeats that tell nothing more', () => {
    const graph = straight(200);
    for (let seed = 0; seed < 6; seed++) {
      const search = new Search(graph, { seed, noise: {} });
      const random = seededRandom(seed);
      const culprit = Math.floor(random() * graph.size);
      const built = new Set<number>();
      const attempt = (commit: number) => {
        built.add(commit);
        search.observe(commit, commit >= culprit && random() < 0.5 ? 'new' : 'old');
      };
      [OLD_END, OLD_END, OLD_END, graph.size - 1].forEach(attempt);
      const cost = (commit: number) => (built.has(commit) ? 2 : 122);
      for (;;) {
        const [commit] = search.choose({ slots: 1, inFlight: [], cost });
        if (commit === undefined) break;
        if (!built.has(commit)) expect(search.probability(commit).new).toBeGreaterThan(0.05);
        attempt(commit);
      }
      expect(search.conclusion()).toMatchObject({ kind: 'found', culprit });
    }
  });

  it('ends with what no testable commit can tell apart, as sure of it as it has to be', () => {
    const search = new Search(diamond(), { seed: 1, noise: {} });
    search.observe(3, 'skip');
    for (let trial = 0; trial < 20; trial++) {
      search.observe(OLD_END, 'old');
      for (const commit of [0, 1, 2]) search.observe(commit, 'old');
      for (const commit of [4, 5]) search.observe(commit, 'new');
    }
    expect(search.conclusion()).toMatchObject({ kind: 'ambiguous', candidates: [3, 4] });
  });
});

/** So many commits in a row. */
function straight(size: number): CommitGraph {
  const id = (commit: number) => (commit + 1).toString(16).padStart(40, '0');
  const parser = new RevListParser();
  for (let commit = size - 1; commit >= 0; commit--) {
    parser.push(Buffer.from(`${(commit === 0 ? [0] : [commit, commit - 1]).map(id).join(' ')}\n`));
  }
  return parser.end();
}

/** 0, then 1 and 2 beside each other, 3 that merges them, then 4 and 5. */
function diamond(): CommitGraph {
  const id = (commit: number) => (commit + 1).toString(16).padStart(40, '0');
  const parents = [[], [0], [0], [1, 2], [3], [4]];
  const parser = new RevListParser();
  for (const commit of [5, 4, 3, 2, 1, 0]) {
    parser.push(Buffer.from(`${[commit, ...parents[commit]!].map(id).join(' ')}\n`));
  }
  return parser.end();
}
