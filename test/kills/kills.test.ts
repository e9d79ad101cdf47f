import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { seededRandom } from '@kbisect/coordinator/search/random';
import { Lab } from '../e2e/lab.js';
import { straight, tinyJob } from '../e2e/tiny-job.js';

const KILLS = Number(process.env['KILLS'] ?? 100);
const SEED = Number(process.env['SEED'] ?? 1);
const AGENTS = ['one', 'two', 'three'];
const SYMLINKS = 'fs/protected_symlinks';
const LAST = 24;

let lab: Lab;
const random = seededRandom(SEED);
const whole = (below: number) => Math.floor(random() * below);

beforeAll(async () => {
  lab = await Lab.open();
  await lab.startCoordinator();
  for (const name of AGENTS) lab.startAgent(name);
});
afterAll(() => lab.close());

/** Kills one process of the farm and starts it again. */
async function killOne(): Promise<void> {
  const victim = whole(AGENTS.length + 1);
  const name = AGENTS[victim];
  if (name === undefined) {
    await lab.killCoordinator();
    await lab.startCoordinator();
  } else {
    await lab.killAgent(name);
    lab.startAgent(name);
  }
}

it(`finds every culprit, and builds nothing twice, over ${KILLS} kills at random moments`, async () => {
  for (let kills = 0, jobs = 0; kills < KILLS; jobs++) {
    const culprit = 1 + whole(LAST);
    const changes = { [culprit]: { kind: 'sysctl' as const, path: SYMLINKS, value: 1 } };
    const job = await tinyJob(lab.directory, `job${jobs}`, straight(LAST, changes));
    const range = ['--repo', job.repo, '--good', 'c0', '--bad', 'main'];
    const id = await lab.submit(...range, '--reproducer', await job.reads(SYMLINKS, 0));
    const result = lab.result(id);
    const isOver = result.then(() => true);
    while (kills < KILLS && !(await Promise.race([isOver, delay(500 + whole(5000), false)]))) {
      await killOne();
      kills += 1;
    }
    const { state, culprit: found, reason } = await result;
    expect({ state, commit: found?.commit }, `of ${id}: ${reason}`).toEqual({
      state: 'found',
      commit: job.ids.get(`c${culprit}`),
    });
    const builds = await lab.finishedBuilds(id);
    expect(new Set(builds).size, 'commits built, each once').toBe(builds.length);
  }
  for (const name of AGENTS) {
    await expect.poll(() => lab.workers(name)).toEqual([]);
    const registered = join(lab.workdir(name), 'mirror', 'worktrees');
    for (const worktree of await readdir(registered).catch(() => [])) {
      const place = (await readFile(join(registered, worktree, 'gitdir'), 'utf8')).trim();
      await expect(stat(place), `worktree ${worktree} of ${name} is still somewhere`).resolves.toBeDefined();
    }
  }
});
