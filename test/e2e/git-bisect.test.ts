import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { gitBisectReplay, gitBisectRun, writeVerdictScript } from '../exactness/git-bisect.js';
import { makeRandomHistory } from '../exactness/random-history.js';
import { Lab, type Result } from './lab.js';

const HISTORIES = 30;
const AT_ONCE = 5;

let lab: Lab;
beforeAll(async () => {
  lab = await Lab.open();
  await lab.startCoordinator();
  lab.startAgent('one', 3);
  lab.startAgent('two', 3);
});
afterAll(() => lab.close());

describe('kbisect bisect --run', () => {
  it('names the commit that git bisect run names with the same script, and its log replays to it', async () => {
    const seeds = Array.from({ length: HISTORIES }, (_, seed) => 1000 + seed).values();
    await Promise.all(
      Array.from({ length: AT_ONCE }, async () => {
        for (const seed of seeds) await compare(seed);
      }),
    );
  });
});

async function compare(seed: number): Promise<void> {
  const shape = { commits: 16 + (seed % 3) * 10, skips: [0, 0.2, 0.6][seed % 3]! };
  const place = join(lab.directory, `random-${seed}.git`);
  const history = await makeRandomHistory(place, { ...shape, severalOlds: seed % 4 === 1 }, seed);
  // In a checkout, as the agents have, HEAD is the commit; git's own bisection here checks nothing out.
  const readCommit = 'commit=$(git rev-parse --verify --quiet BISECT_HEAD || git rev-parse HEAD)';
  const script = await writeVerdictScript(history, readCommit);
  const ends = ['--old', ...history.olds, '--new', history.new];
  const [theirs, done] = await Promise.all([
    gitBisectRun(history, script),
    lab.kbisect('bisect', '--repo', place, ...ends, '--run', `sh ${script}`, '--json'),
  ]);
  const where = `seed ${seed}: ${done.stdout.toString('utf8')}${done.stderr}`;
  expect([0, 3], where).toContain(done.status);
  const ours = JSON.parse(done.stdout.toString('utf8').trim().split('\n').at(-1)!) as Result;
  const candidates = ours.state === 'found' ? [ours.culprit?.commit] : ours.candidates;

  expect(candidates, where).toContain(history.culprit);
  if (theirs.kind === 'found') {
    expect(theirs.culprit, where).toBe(history.culprit);
    expect(ours.state, where).toBe('found');
  } else {
    expect(candidates.length, where).toBeLessThanOrEqual(theirs.candidates.length);
  }
  const log = (await lab.kbisect('log', ours.job)).stdout.toString('utf8');
  const replayed = await gitBisectReplay(history, log);
  if (theirs.kind === 'found') expect(replayed, where).toEqual(theirs);
  else
    expect('candidates' in replayed ? replayed.candidates : [replayed.culprit], where).toEqual(
      expect.arrayContaining([...candidates]),
    );
}
