import { type Command, Option } from 'commander';
import { PRIORITIES } from '../../src/scheduler/priority.js';
import type { BisectOptions } from '../bisect.js';
import { addRangeOptions } from '../range-options.js';
import { directory, label, mebibytes, share, wholeNumber } from '../arguments.js';
import { agentsOption, ciOption, jsonOption } from './common-options.js';
import type { Commands } from './commands.js';

/** What starts a bisection. */
export function bisectCommands(commands: Commands): void {
  addRangeOptions(
    commands
      .command(
        'bisect',
        'Find the commit that broke, fixed or changed something.',
        'bisect --repo ~/linux --good v6.6 --bad v6.7 --reproducer crash.c --local',
      )
      .requiredOption('--repo <path|url>', 'a local repository, or one that the coordinator can fetch'),
  )
    .option('-f, --file <file>', "a job file, whose keys are these options; see 'kbisect init'")
    .option(
      '--reproducer <path...>',
      'what is run on each kernel: C, a program, a script, or a directory; more files go along',
    )
    .option(
      '--new-when <what>',
      'fail, crash, hang, crash=REGEX or output=REGEX (default: what the new end shows)',
    )
    .option('--needs <thing...>', 'what the reproducer cannot do without: a path like /dev/sg0, or a module')
    .addOption(new Option('--repeat <n>', 'runs in one boot').argParser(wholeNumber(1, 100_000)))
    .option('--initramfs <file>', "the test's root file system; without --reproducer its /init is the test")
    .option('--disk <image>', "the test's root file system as a disk, raw or qcow2, never written to")
    .option('--module <path...>', 'modules of the tree to build and load first, like drivers/scsi/sg.ko')
    .addOption(new Option('--memory <size>', "the guest's memory, like 512M or 2G").argParser(mebibytes))
    .addOption(new Option('--smp <n>', "the guest's processors").argParser(wholeNumber(1, 256)))
    .option('--append <words>', 'more of the kernel command line')
    .addOption(
      new Option('--qemu-arg <word>', 'one more argument of QEMU; may be repeated').argParser(
        (word: string, before: string[] | undefined) => [...(before ?? []), word],
      ),
    )
    .option('--network', "give the guest QEMU's user-mode network")
    .option('--config <file>', 'the base .config (default: the smallest that boots)')
    .option('--config-fragment <file...>', 'on top of the base, in order')
    .option('--profile <name...>', 'ready-made configs under the fragments: scsi, net, kasan')
    .option('--toolchain <rule>', 'a compiler (gcc-12, clang-14) or a range of versions (gcc>=11,<13)')
    .option('--fixup <rev[@range]...>', 'commits to cherry-pick before the build where they are missing')
    .option('--run <command>', 'as git bisect run: a command in a checkout of each commit')
    .option('--arch <arch>', 'architecture', 'x86_64')
    .addOption(
      new Option('--runs <n>', 'trials of each end; with more than 1, trials of one commit may disagree')
        .argParser(wholeNumber(1, 1000))
        .default(1),
    )
    .addOption(new Option('--timeout <seconds>', 'limit of one trial').argParser(wholeNumber(1, 86_400)))
    .addOption(
      new Option(
        '--audit <rate>',
        'share of the builds that could be spared, 0 to 1, that is done all the same',
      ).argParser(share),
    )
    .option(
      '--backport-to <rev...>',
      'stable branches: a fix is picked and tried on each, of a regression it is said which have it',
    )
    .option(
      '--no-certify',
      'name the culprit as the search finds it, without trying it again and reverting it',
    )
    .addOption(
      new Option(
        '--require <key=value...>',
        'labels of the agents that may do its tests; all of them',
      ).argParser(label),
    )
    .addOption(
      new Option('--priority <priority>', 'what it counts among your jobs, each four times the one before')
        .choices(Object.keys(PRIORITIES))
        .default('normal'),
    )
    .option('--private', 'hide the job from all but you, operators and admins')
    .addOption(
      new Option(
        '--minimise-config [builds]',
        'find out which settings of profile and fragments the culprit takes, in so many builds (default: 100)',
      )
        .preset('100')
        .argParser(wholeNumber(1, 100_000)),
    )
    .option('--detach', 'print the job and leave it to the farm')
    .addOption(jsonOption())
    .addOption(ciOption())
    .option('--local', 'start a farm for this job alone, and take it down afterwards')
    .addOption(agentsOption())
    .addOption(
      new Option('--state <dir>', 'what the local farm keeps (default: nothing)').argParser(directory),
    )
    .action(async (options: BisectOptions, self: Command) => {
      const { bisect } = await import('../bisect.js');
      const given = (name: string) => self.getOptionValueSource(name) === 'cli';
      commands.end(await bisect(commands.farm, options, { agents: given('agents'), arch: given('arch') }));
    });

  commands
    .command(
      'init',
      'Write a job file to start from: kbisect.yaml.',
      'init && kbisect bisect -f kbisect.yaml',
    )
    .action(async () => {
      await (await import('../job-file.js')).writeJobFile('kbisect.yaml');
      process.stdout.write('kbisect.yaml is written; say in it what to look for\n');
      commands.done();
    });
}
