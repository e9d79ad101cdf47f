import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { archOf } from '@kbisect/agent/boot/arch';
import { probeAccelerator } from '@kbisect/agent/boot/probe';
import { MINIMAL_PROFILE } from '@kbisect/agent/build/configure';
import { clone } from '../../demo/debian-linux.js';
import { Git } from '@kbisect/shared/git';
import { run, runText } from '@kbisect/shared/process';
import { manualStep, type ManualSettings } from './manual-step.js';
import type { Question } from './question.js';

/**
 * Builds and boots both ends by hand, in one tree that is made for it.
 * @returns the seconds of each end
 */
export async function endsByHand(question: Question, directory: string): Promise<number[]> {
  const { settings, git } = await prepare(question, directory);
  const seconds: number[] = [];
  for (const [end, expected] of [
    [question.good, 0],
    [question.bad, 1],
  ] as const) {
    const began = Date.now();
    await git.text(['checkout', '--quiet', '--detach', end]);
    const status = await manualStep(settings);
    if (status !== expected) throw new Error(`${end} gave ${status}, not ${expected}`);
    seconds.push((Date.now() - began) / 1000);
  }
  return seconds;
}

/** What `git bisect run` took, in seconds, and found. */
export interface ManualBisection {
  readonly seconds: number;
  readonly builds: readonly number[];
  readonly culprit: string;
}

/** `git bisect run` in the tree in which `endsByHand` has built the ends. */
export async function bisectByHand(question: Question, directory: string): Promise<ManualBisection> {
  const git = new Git(join(directory, 'tree'));
  const file = join(directory, 'settings.json');
  const { log } = JSON.parse(await readFile(file, 'utf8')) as ManualSettings;
  await rm(log, { force: true });
  const began = Date.now();
  await git.text(['bisect', 'start', question.bad, question.good]);
  const step = [process.execPath, join(import.meta.dirname, 'manual-step.js'), file];
  const said = await git.text(['bisect', 'run', ...step]);
  const seconds = (Date.now() - began) / 1000;
  const culprit = /^([0-9a-f]{40}) is the first bad commit$/m.exec(said)?.[1] ?? '';
  const steps = (await readFile(log, 'utf8')).trim().split('\n');
  return { seconds, culprit, builds: steps.map((line) => (JSON.parse(line) as { build: number }).build) };
}

/** A tree of its own, the configuration and the initramfs: nothing that is measured. */
async function prepare(
  question: Question,
  directory: string,
): Promise<{ settings: ManualSettings; git: Git }> {
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true });
  const tree = join(directory, 'tree');
  await new Git(directory).text([
    'clone',
    '--quiet',
    '--shared',
    '--no-checkout',
    '--',
    question.repository,
    tree,
  ]);
  const git = new Git(tree);
  await git.text(['checkout', '--quiet', '--detach', question.good]);
  const asked = join(directory, 'asked.config');
  const texts = await Promise.all([MINIMAL_PROFILE, question.fragment].map((file) => readFile(file, 'utf8')));
  await writeFile(asked, texts.join('\n'));
  await runText({ program: 'make', args: ['-s', `KCONFIG_ALLCONFIG=${asked}`, 'allnoconfig'], cwd: tree });
  const config = join(directory, 'config');
  await writeFile(config, await readFile(join(tree, '.config')));
  const initramfs = join(directory, 'initramfs');
  await packInit(question.reproducer, directory, initramfs);
  const accelerator = (await probeAccelerator(archOf('x86_64')!, new AbortController().signal)) ?? 'tcg';
  const settings = { tree, config, initramfs, accelerator, log: join(directory, 'steps') };
  await writeFile(join(directory, 'settings.json'), JSON.stringify(settings));
  return { settings, git };
}

/** An initramfs whose init is the reproducer with a `main`. */
async function packInit(reproducer: string, directory: string, path: string): Promise<void> {
  const root = join(directory, 'root');
  await mkdir(join(root, 'dev'), { recursive: true });
  const sources = [join(clone, 'deploy/bench/build/init.c'), reproducer];
  await runText({ program: 'gcc', args: ['-static', '-o', join(root, 'init'), ...sources] });
  const console = { program: 'mknod', args: ['-m', '600', join(root, 'dev/console'), 'c', '5', '1'] };
  await runText(console);
  const names = 'dev\ndev/console\ninit\n';
  const archive = await run({
    program: 'cpio',
    args: ['-o', '-H', 'newc', '--quiet'],
    cwd: root,
    input: names,
  });
  await writeFile(path, archive.stdout);
}
