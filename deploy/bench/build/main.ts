/**
 * What is saved by not building what cannot differ, on real kernels, each figure beside its baseline:
 *
 *   npm run bench:build [-- PART...]
 *
 * Parts, in order: manual-ends, manual, farm, again, second, third, audit, range-manual-ends, range-manual, range-farm. What was measured
 * stays in `$KBISECT_BENCH_DIR` and is printed as one table. The longer range is `$KBISECT_BENCH_RANGE`:
 * `REPOSITORY GOOD BAD REPRODUCER`.
 */
import { join } from 'node:path';
import { clone, debianLinux, demoDirectory } from '../../demo/debian-linux.js';
import { bisectByFarm } from './by-farm.js';
import { buildElsewhere, type Elsewhere } from './elsewhere.js';
import { bisectByHand, endsByHand } from './manual.js';
import type { Question } from './question.js';
import { addResults, readResults, table, type Results } from './results.js';

const PARTS = ['manual-ends', 'manual', 'farm', 'again', 'second', 'third', 'audit'] as const;
const RANGE_PARTS = ['range-manual-ends', 'range-manual', 'range-farm'] as const;
type Part = (typeof PARTS)[number] | (typeof RANGE_PARTS)[number];

const directory = process.env['KBISECT_BENCH_DIR'] ?? join(clone, '.kbisect/bench-build');
const sources = join(clone, 'deploy/bench/build');
const scsi = join(clone, 'agent/profiles/scsi.config');
const say = (line: string) => void process.stdout.write(`${line}\n`);

async function debian(): Promise<Question> {
  const { git } = await debianLinux(demoDirectory(), say);
  return {
    repository: git.directory,
    good: 'upstream',
    bad: 'debian',
    fragment: scsi,
    reproducer: join(clone, 'deploy/demo/protected_symlinks.c'),
  };
}

function range(): Question | undefined {
  const [repository, good, bad, reproducer] = (process.env['KBISECT_BENCH_RANGE'] ?? '').split(' ');
  if (!repository || !good || !bad || !reproducer) return undefined;
  return { repository, good, bad, reproducer, fragment: scsi };
}

async function measure(part: Part): Promise<Results> {
  const question = part.startsWith('range-') ? range() : await debian();
  if (question === undefined) {
    say(`${part}: skipped, as KBISECT_BENCH_RANGE does not name a range`);
    return {};
  }
  const farm = (state: string, more: readonly string[], fresh: boolean) =>
    bisectByFarm(question, join(directory, state), more, fresh, say);
  const elsewhere = (what: Question, agent: Omit<Elsewhere, 'workdir'>) =>
    buildElsewhere(what, join(directory, 'farm'), { ...agent, workdir: join(directory, agent.name) }, say);
  switch (part) {
    case 'manual-ends':
      return { manualEnds: await endsByHand(question, join(directory, 'manual')) };
    case 'manual':
      return { manual: await bisectByHand(question, join(directory, 'manual')) };
    case 'farm':
      return { farm: await farm('farm', [], true) };
    case 'again': {
      const reproducer = join(sources, 'protected_hardlinks.c');
      return {
        again: await bisectByFarm({ ...question, reproducer }, join(directory, 'farm'), [], false, say),
      };
    }
    case 'second':
      return { second: await elsewhere(question, { name: 'second', ccache: true, builds: 6 }) };
    case 'third': {
      // Its one build is clean: of a commit that the first agent built in a warm tree, the culprit.
      const bad = (await readResults(directory)).farm?.culprit ?? question.bad;
      return { third: await elsewhere({ ...question, bad }, { name: 'third', ccache: false, builds: 1 }) };
    }
    case 'audit':
      return { audit: await farm('farm', ['--audit', '1.0'], false) };
    case 'range-manual-ends':
      return { rangeManualEnds: await endsByHand(question, join(directory, 'range-manual')) };
    case 'range-manual':
      return { rangeManual: await bisectByHand(question, join(directory, 'range-manual')) };
    case 'range-farm':
      return { rangeFarm: await farm('range-farm', [], true) };
  }
}

const asked = process.argv.slice(2);
const all: readonly Part[] = [...PARTS, ...RANGE_PARTS];
const wrong = asked.filter((name) => !all.some((part) => part === name));
if (wrong.length > 0) {
  process.stderr.write(`bench:build: no part ${wrong.join(', ')}; there are ${all.join(', ')}\n`);
  process.exit(2);
}
for (const part of all.filter((name) => asked.length === 0 || asked.includes(name))) {
  say(`bench:build: ${part}`);
  await addResults(directory, await measure(part));
}
say(table(await readResults(directory)));
