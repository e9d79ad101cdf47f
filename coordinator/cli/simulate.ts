import { Command, Option } from 'commander';
import { KbisectError } from '@kbisect/shared/errors';
import { Git } from '@kbisect/shared/git';
import { readRange, type RangeQuery } from '../src/git-range.js';
import type { CommitGraph, CommitIndex } from '../src/search/graph.js';
import { seededRandom } from '../src/search/random.js';

import { simulateJob } from '../src/sim/simulate-job.js';
import { summarize, type SimulationSummary } from '../src/sim/summary.js';
import { number, wholeNumber } from './arguments.js';
import { table } from './table.js';

interface SimulateOptions {
  readonly repo: string;
  readonly old: readonly string[];
  readonly new: string;
  readonly culprit?: string;
  readonly random?: number;
  readonly seed: number;
  readonly agents: number;
  readonly buildSeconds: number;
  readonly trialSeconds: number;
  readonly spread: number;
  readonly miss: number;
  readonly falseAlarm: number;
  readonly skipRate: number;
  readonly barrier?: boolean;
  readonly json?: boolean;
}

/** `kbisect simulate`: searches of a real range under virtual time, to see what a farm would need. */
export function command(): Command {
  const share = (flags: string, description: string) =>
    new Option(flags, description).argParser(number(0, 0.99)).default(0);
  const seconds = (flags: string, description: string, value: number) =>
    new Option(flags, description).argParser(number(0, 1e6)).default(value);
  return new Command('simulate')
    .description('Search a range under virtual time, to see how many tests and hours a farm would need.')
    .addHelpText(
      'after',
      '\nExample:\n  $ kbisect simulate --repo ~/linux --old v6.6 --new v6.7 --random 100 --agents 8',
    )
    .requiredOption('--repo <path>', 'a local repository')
    .requiredOption('--old <rev...>', 'where the range begins')
    .requiredOption('--new <rev>', 'where it ends')
    .addOption(new Option('--culprit <rev>', 'search for this commit').conflicts('random'))
    .addOption(
      new Option('--random <n>', 'search for so many commits, drawn at random').argParser(
        wholeNumber(1, 1_000_000),
      ),
    )
    .addOption(
      new Option('--seed <s>', 'decides all that is drawn').argParser(wholeNumber(0, 999_999_999)).default(1),
    )
    .addOption(new Option('--agents <k>', 'tests at a time').argParser(wholeNumber(1, 1024)).default(1))
    .addOption(seconds('--build-seconds <s>', 'mean time of a build', 120))
    .addOption(seconds('--trial-seconds <s>', 'time of a trial', 2))
    .addOption(
      new Option('--spread <x>', 'standard deviation of build times, as a share of the mean')
        .argParser(number(0, 10))
        .default(0.5),
    )
    .addOption(share('--miss <p>', 'how often a trial of a new commit passes'))
    .addOption(share('--false-alarm <p>', 'how often a trial of an old commit fails'))
    .addOption(share('--skip-rate <p>', 'share of commits that cannot be tested, in intervals'))
    .option('--barrier', 'start tests k at a time, and wait for all of them')
    .option('--json', 'print one JSON object')
    .action(simulate);
}

async function simulate(options: SimulateOptions): Promise<void> {
  const git = await Git.open(options.repo);
  const olds = [];
  for (const old of options.old) olds.push(await git.resolveCommit(old));
  const query = { olds, new: await git.resolveCommit(options.new), firstParent: false, pathspecs: [] };
  const { graph } = await readRange(git, query);
  const culprits = await culpritsOf(options, git, graph, query);
  const jobs = culprits.map((culprit, number) =>
    simulateJob(
      graph,
      culprit,
      { ...options, barrier: options.barrier === true },
      options.seed + number,
      () => performance.now(),
    ),
  );
  const summary = summarize(jobs);
  process.stdout.write(options.json ? `${JSON.stringify(summary)}\n` : table(rowsOf(summary)));
}

async function culpritsOf(
  { culprit, random, seed }: SimulateOptions,
  git: Git,
  graph: CommitGraph,
  query: RangeQuery,
): Promise<CommitIndex[]> {
  if (culprit !== undefined) {
    const index = graph.indexOf(await git.resolveCommit(culprit));
    if (index !== undefined) return [index];
    throw new KbisectError(
      'invalid-argument',
      `--culprit ${culprit} is not between ${query.olds.join(', ')} and ${query.new}`,
    );
  }
  if (random === undefined) {
    throw new KbisectError('invalid-argument', 'say what to search for: --culprit REV, or --random N');
  }
  const draw = seededRandom(seed);
  return Array.from({ length: random }, () => Math.floor(draw() * graph.size));
}

function rowsOf(summary: SimulationSummary): string[][] {
  const { jobs, correct, rounds, tests, withdrawn, virtualSeconds, firstSelectMs, reselectMs, confidence } =
    summary;
  const hours = (seconds: number) => `${(seconds / 3600).toFixed(2)} h`;
  const ms = (value: number) => `${value.toFixed(1)} ms`;
  return [
    ['jobs', `${jobs}, ${correct} right, mean confidence ${confidence.mean.toFixed(3)}`],
    ['rounds', `mean ${rounds.mean.toFixed(2)}, at most ${rounds.max}`],
    ['tests', `mean ${tests.mean.toFixed(1)}; ${withdrawn} withdrawn in all`],
    ['virtual time', `mean ${hours(virtualSeconds.mean)}, p95 ${hours(virtualSeconds.p95)}`],
    ['first choice', ms(firstSelectMs)],
    ['choice after a verdict', `p50 ${ms(reselectMs.p50)}, p99 ${ms(reselectMs.p99)}`],
  ];
}
