import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { FarmBisection } from './by-farm.js';
import type { Build } from './job-events.js';
import type { ManualBisection } from './manual.js';

/** What was measured so far; a part that is measured again takes the place of what it was. */
export interface Results {
  readonly manualEnds?: readonly number[];
  readonly manual?: ManualBisection;
  readonly farm?: FarmBisection;
  readonly again?: FarmBisection;
  /** Builds of a second agent, with ccache, and of a third one, without. */
  readonly second?: readonly Build[];
  readonly third?: readonly Build[];
  readonly audit?: FarmBisection;
  readonly rangeManualEnds?: readonly number[];
  readonly rangeManual?: ManualBisection;
  readonly rangeFarm?: FarmBisection;
}

export async function readResults(directory: string): Promise<Results> {
  const text = await readFile(join(directory, 'results.json'), 'utf8').catch(() => '{}');
  return JSON.parse(text) as Results;
}

export async function addResults(directory: string, more: Results): Promise<void> {
  await mkdir(directory, { recursive: true });
  const results = { ...(await readResults(directory)), ...more };
  await writeFile(join(directory, 'results.json'), `${JSON.stringify(results, undefined, 2)}\n`);
}

/** The figures beside their baselines, as far as they were measured. */
export function table(results: Results): string {
  const rows: string[][] = [['what', 'baseline', 'kbisect', 'share']];
  const seconds = (value: number) => `${Math.round(value)} s`;
  const compare = (what: string, baseline: number | undefined, ours: number | undefined) => {
    if (baseline === undefined || ours === undefined) return;
    rows.push([what, seconds(baseline), seconds(ours), `${Math.round((100 * ours) / baseline)} %`]);
  };
  const { farm, again, audit, rangeFarm } = results;
  const manual = byHand(results.manualEnds, results.manual);
  const range = byHand(results.rangeManualEnds, results.rangeManual);
  compare("Debian's patches, both ends and the bisection", manual, farm?.seconds);
  compare('the same commits, another question', farm?.seconds, again?.seconds);
  compare('a cold build, and one on a second agent', farm?.builds[0]?.seconds, results.second?.[0]?.seconds);
  compare('the longer range, both ends and the bisection', range, rangeFarm?.seconds);
  const lines = rows.map((row) =>
    row
      .map((cell, n) => cell.padEnd([48, 10, 10, 6][n]!))
      .join('')
      .trimEnd(),
  );
  for (const [name, job] of Object.entries({ farm, again, audit, rangeFarm })) {
    if (job === undefined) continue;
    const { built, cached, commits, classesAfterFirstBuild: classes, refuted } = job;
    lines.push(
      `${name}: ${built} builds, ${cached} from the cache; ${commits} commits in ${classes} classes foretold; ${refuted} wrong`,
    );
  }
  for (const { commit, expectedObjects, expectedSeconds, seconds: took } of farm?.builds ?? []) {
    lines.push(
      `  ${commit.slice(0, 12)}  foretold ${expectedObjects} objects, ${seconds(expectedSeconds)}; took ${seconds(took)}`,
    );
  }
  lines.push(...sameBytes(results));
  if (results.manual) lines.push(`by hand: builds of ${results.manual.builds.map(Math.round).join(', ')} s`);
  return lines.join('\n');
}

function byHand(
  ends: readonly number[] | undefined,
  bisection: ManualBisection | undefined,
): number | undefined {
  return ends && bisection && ends.reduce((sum, end) => sum + end, bisection.seconds);
}

/** Whether commits that several agents have built gave the same bytes everywhere. */
function sameBytes({ farm, second = [], third = [] }: Results): string[] {
  const images = new Map<string, Set<string>>();
  const builds = [...(farm?.builds ?? []), ...second, ...third];
  for (const { commit, image } of builds) images.set(commit, (images.get(commit) ?? new Set()).add(image));
  const times = (commit: string) => builds.filter((build) => build.commit === commit).length;
  return [...images].flatMap(([commit, digests]) =>
    times(commit) < 2
      ? []
      : `  ${commit.slice(0, 12)} was built ${times(commit)} times: ${[...digests].map((digest) => digest.slice(0, 16)).join(' and ')}`,
  );
}
