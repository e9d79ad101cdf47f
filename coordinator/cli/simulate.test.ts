import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SimulationSummary } from '../src/sim/summary.js';
import { kbisect, repositoryOf, temporaryFolder } from './program-under-test.js';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let repo: string;
beforeAll(async () => {
  folder = await temporaryFolder();
  repo = join(folder.path, 'repo');
  await repositoryOf(repo, 257);
});
afterAll(() => folder.remove());

const simulate = async (...args: string[]) => {
  const ran = await kbisect(['simulate', '--repo', repo, '--old', 'v1', '--new', 'v257', ...args, '--json']);
  expect(ran.stderr).toBe('');
  return JSON.parse(ran.stdout) as SimulationSummary;
};

describe('kbisect simulate', () => {
  it('halves a straight range of 256 commits eight times', async () => {
    const summary = await simulate('--random', '50', '--agents', '1');
    expect(summary).toMatchObject({ jobs: 50, correct: 50, rounds: { mean: 8, max: 8 }, tests: { mean: 8 } });
    expect(summary.confidence.mean).toBe(1);
  });

  it('starts k tests at a time where there is a barrier, and tells what the computing took', async () => {
    const summary = await simulate('--culprit', 'v100', '--agents', '15', '--barrier', '--spread', '0');
    expect(summary).toMatchObject({ jobs: 1, correct: 1, rounds: { mean: 2, max: 2 }, tests: { mean: 30 } });
    expect(summary.virtualSeconds).toEqual({ mean: 244, p95: 244 });
    expect(summary.firstSelectMs).toBeGreaterThan(0);
    expect(summary.reselectMs.p99).toBeGreaterThanOrEqual(summary.reselectMs.p50);
  });

  it('gives the same jobs for the same seed', async () => {
    const args = ['--random', '5', '--agents', '4', '--miss', '0.3', '--skip-rate', '0.1', '--seed', '7'];
    const [one, other] = [await simulate(...args), await simulate(...args)];
    expect(one.tests).toEqual(other.tests);
    expect(one.virtualSeconds).toEqual(other.virtualSeconds);
  });

  it.each([
    ['nothing to search for', [], /--culprit REV, or --random N/],
    ['two things to search for', ['--culprit', 'v9', '--random', '2'], /cannot be used with/],
    ['a culprit outside of the range', ['--culprit', 'v1'], /v1 is not between/],
    ['trials that always err', ['--random', '1', '--miss', '1'], /number from 0 to 0.99/],
  ])('refuses %s', async (_, args, message) => {
    const ran = await kbisect(['simulate', '--repo', repo, '--old', 'v1', '--new', 'v257', ...args]);
    expect(ran.stderr).toMatch(message);
    expect(ran.status).toBe(2);
  });
});
