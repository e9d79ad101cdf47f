import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import { KbisectError } from '@kbisect/shared/errors';
import { Git } from '@kbisect/shared/git';
import type { Suspect } from '@kbisect/shared/gen/kbisect/v1/job';
import { readRange } from '../src/git-range.js';
import { classesBeforeBuilds, planOf, type Plan } from '../src/plan.js';
import { readChangedFiles } from '../src/read-changes.js';
import { outsideOf } from '../src/scheduler/range.js';
import { number, wholeNumber } from './arguments.js';
import { endsOf, type EndOptions } from './ends.js';
import { interruption } from './interruption.js';
import { resolveEnds } from './local-repository.js';
import { addRangeOptions } from './range-options.js';
import { isRemote } from './repository-url.js';
import { table } from './table.js';
import { count } from './words.js';

interface PlanOptions extends EndOptions {
  readonly repo: string;
  readonly firstParent?: boolean;
  readonly pathspec?: readonly string[];
  readonly suspect?: readonly Suspect[];
  readonly runs: number;
  readonly buildSeconds: number;
  readonly trialSeconds: number;
  readonly json?: boolean;
}

/** `kbisect plan`: what a job would take, before anything is spent; no farm is asked. */
export function command(): Command {
  const seconds = (flags: string, description: string, value: number) =>
    new Option(flags, description).argParser(number(0, 1e6)).default(value);
  const plan = new Command('plan')
    .description('Tell what a bisection would take, on 1 to 64 agents, before anything is spent.')
    .addHelpText('after', '\nExample:\n  $ kbisect plan --repo ~/linux --good v6.6 --bad v6.7')
    .requiredOption('--repo <path>', 'a local repository');
  return addRangeOptions(plan)
    .addOption(new Option('--runs <n>', 'trials of each end').argParser(wholeNumber(1, 1000)).default(1))
    .addOption(seconds('--build-seconds <s>', 'mean time of a build', 120))
    .addOption(seconds('--trial-seconds <s>', 'time of a trial', 2))
    .option('--json', 'print one JSON object')
    .action(tellPlan);
}

async function tellPlan(options: PlanOptions): Promise<void> {
  if (isRemote(options.repo)) {
    throw new KbisectError(
      'invalid-argument',
      `--repo ${options.repo}: a plan is made of a local repository`,
    );
  }
  const signal = interruption();
  const git = await Git.open(resolve(options.repo));
  const ends = await resolveEnds(git, endsOf(options));
  const { firstParent = false, pathspec: pathspecs = [], suspect: suspects = [] } = options;
  const range = await readRange(git, { ...ends, firstParent, pathspecs }, suspects, signal);
  const outside = outsideOf(ends.olds, range.mergeBases);
  const classes = classesBeforeBuilds(await readChangedFiles(git, range.graph, outside, signal));
  const plan = planOf(range, ends.olds, classes, options);
  process.stdout.write(options.json ? `${JSON.stringify(plan)}\n` : planText(plan));
}

function planText({ candidates, mattering, classes, endBuilds, farms }: Plan): string {
  const rows = farms.map(({ agents, rounds, builds, hours }) =>
    [String(agents), rounds.toFixed(1), String(builds), hours.toFixed(1)].map((cell) => cell.padStart(6)),
  );
  return [
    `${count(candidates, 'commit')}, of which ${mattering} can matter; at most ${count(classes, 'image')}\n`,
    `${count(endBuilds, 'build')} to prove the ends, then:\n\n`,
    table([['agents', 'rounds', 'builds', ' hours'], ...rows]),
  ].join('');
}
