import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { JobState } from '@kbisect/shared/gen/kbisect/v1/job';
import type { CommitId } from '@kbisect/shared/ids';
import { readRange } from '../../coordinator/src/git-range.js';
import type { Range } from '../../coordinator/src/scheduler/range.js';
import type { Job } from '../../coordinator/src/scheduler/job.js';
import { FAIL, PASS, Rig, straightSpec, type Answer } from '../../coordinator/src/scheduler/rig.js';
import { seededRandom } from '../../coordinator/src/search/random.js';
import { gitBisectRun, writeVerdictScript } from './git-bisect.js';
import { makeRandomHistory, type RandomHistory, type Shape } from './random-history.js';

const ANSWERS: Record<'old' | 'new' | 'skip', Answer> = {
  old: PASS,
  new: FAIL,
  skip: { kind: { $case: 'untestable', value: { reason: 'exit status 125' } } },
};

/** Bisects with the scheduler: so many agents, whose tests end in an order drawn from the seed. */
function bisected(history: RandomHistory, range: Range, agents: number, seed: number): Job {
  const { olds, new: neu, firstParent, pathspecs } = history;
  const random = seededRandom(seed);
  const rig = new Rig();
  for (let n = 0; n < agents; n++) rig.hello(`agent${n}`);
  const spec = { olds: [...olds], new: neu, firstParent, pathspecs: [...pathspecs] };
  rig.submit('job', straightSpec(1, spec), range);
  rig.run(
    (commit) => ANSWERS[history.verdict(commit)],
    (n) => Math.floor(random() * n),
  );
  return rig.job('job');
}

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kbisect-exactness-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const families: { what: string; shape: Omit<Shape, 'commits'> }[] = [
  { what: 'merges', shape: {} },
  { what: 'several olds', shape: { severalOlds: true } },
  { what: 'commits that cannot be tested', shape: { skips: 0.3 } },
  { what: 'first parents only', shape: { firstParent: true, skips: 0.1 } },
  { what: 'a pathspec', shape: { pathspec: true, skips: 0.1 } },
  { what: 'several olds, skips and a pathspec', shape: { severalOlds: true, pathspec: true, skips: 0.4 } },
  {
    what: 'several olds, skips and first parents',
    shape: { severalOlds: true, firstParent: true, skips: 0.4 },
  },
  { what: 'several olds and many skips', shape: { severalOlds: true, skips: 0.8 } },
];
/** Histories of each family: a few in every test run, 200 in all for `npm run test:exactness`. */
const EACH = Number(process.env.HISTORIES ?? 5);

describe('a bisection of random histories answers as git bisect run does', () => {
  it.each(families)(
    'with $what',
    async ({ what, shape }) => {
      const offset = 1000 * families.findIndex((family) => family.what === what);
      let ambiguous = 0;
      for (let seed = offset; seed < offset + EACH; seed++) {
        const place = join(directory, `${seed}.git`);
        const history = await makeRandomHistory(place, { commits: 10 + 8 * (seed % 5), ...shape }, seed);
        const script = await writeVerdictScript(history, 'read commit <BISECT_HEAD');
        const theirs = await gitBisectRun(history, script);
        const range = await readRange(history.git, history);
        const ours = bisected(history, range, 1 + (seed % 5), seed);
        const where = `seed ${seed}`;
        if (theirs.kind === 'found') {
          expect(theirs.culprit, where).toBe(history.culprit);
          expect(ours, where).toMatchObject({ state: JobState.JOB_STATE_FOUND, culprit: history.culprit });
          continue;
        }
        ambiguous++;
        const candidates = ours.culprit === undefined ? ours.candidates : [ours.culprit];
        expect(candidates, where).toContain(history.culprit);
        expect(candidates.length, where).toBeLessThanOrEqual(theirs.candidates.length);
        expectAlike(history, range, candidates, where);
      }
      if ((shape.skips ?? 0) >= 0.8) expect(ambiguous).toBeGreaterThan(0);
      else if (shape.skips === undefined) expect(ambiguous).toBe(0);
    },
    Math.max(120_000, 5_000 * EACH),
  );
});

/** No commit of the range that can be tested has some of the candidates, but not all, among its ancestors. */
function expectAlike(
  history: RandomHistory,
  { graph }: Range,
  candidates: readonly CommitId[],
  where: string,
): void {
  for (let index = 0; index < graph.size; index++) {
    const test = graph.id(index);
    if (history.verdict(test) === 'skip') continue;
    const inside = candidates.filter((candidate) => history.contains(test, candidate));
    expect([0, candidates.length], `${where}: ${test}`).toContain(inside.length);
  }
}
