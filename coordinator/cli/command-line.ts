import { Argument, Command, Option } from 'commander';
import {
  address,
  addresses,
  bytes,
  cacheAddress,
  defaultState,
  directory,
  duration,
  label,
  mebibytes,
  share,
  wholeNumber,
} from './arguments.js';
import type { CoordinatorOptions } from '../src/main.js';
import { PRIORITIES } from '../src/scheduler/priority.js';
import type { AgentCommand } from './agent.js';
import type { BisectOptions } from './bisect.js';
import type { ConfigCheckOptions } from './config-check.js';
import { ExitStatus } from './exit-status.js';
import type { CreateOptions, TokenOptions } from './token.js';
import { addRangeOptions } from './range-options.js';

const COORDINATOR = '127.0.0.1:7420';
const HTTP = '127.0.0.1:7421';

/**
 * The whole command line. What a command does is in the file of its name, loaded when it is called.
 * @param end is called with the exit status of the command that ran
 */
export async function commandLine(end: (status: ExitStatus) => void): Promise<Command> {
  const program = new Command('kbisect')
    .description('A build farm that bisects the Linux kernel by itself.')
    .version('0.1.0')
    .addOption(
      new Option('--coordinator <host:port,...>', 'where the farm is: its coordinator, or all of them')
        .env('KBISECT_COORDINATOR')
        .default(COORDINATOR)
        .argParser(addresses),
    )
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      outputError: (text, write) => {
        write(
          `${text
            .replace(/^error: /, 'kbisect: ')
            .trim()
            .replaceAll('\n', ' ')}\n`,
        );
      },
    })
    .exitOverride();
  const farm = () => program.opts<{ coordinator: string }>().coordinator;
  const done = () => end(ExitStatus.Found);

  const command = (name: string, description: string, example: string) =>
    program.command(name).description(description).addHelpText('after', `\nExample:\n  $ kbisect ${example}`);
  const state = () =>
    new Option('--state <dir>', 'where the farm keeps everything')
      .argParser(directory)
      .default(defaultState());
  const listen = () => new Option('--listen <host:port>', 'gRPC').argParser(address).default(COORDINATOR);
  const http = () => new Option('--http <host:port>', 'git and HTTP').argParser(address).default(HTTP);
  const agents = () =>
    new Option('--agents <n>', 'agents to start').argParser(wholeNumber(1, 256)).default(2);
  const tokenOption = (what: string) =>
    new Option('--token <token>', `${what}; better in the environment, where others do not see it`).env(
      'KBISECT_TOKEN',
    );
  const json = () => new Option('--json', 'the last line of the output is one JSON object');
  const ci = () =>
    new Option('--ci <file>', "for a pipeline: the end as JUnit's XML, and as an annotation in the output");

  command('up', 'Run a farm on this machine: a coordinator and agents.', 'up --agents 2')
    .addOption(agents())
    .addOption(state())
    .addOption(listen())
    .addOption(http())
    .action(async (options: { agents: number; state: string; listen: string; http: string }) => {
      end(await (await import('./up.js')).up(options));
    });

  command(
    'coordinator',
    'Run a coordinator; agents join it.',
    'coordinator --listen farm:7420 --http farm:7421',
  )
    .addOption(state())
    .addOption(listen())
    .addOption(http())
    .addOption(
      new Option(
        '--advertise <host:port>',
        'gRPC as others reach it (default: as in --listen, or this host)',
      ).argParser(address),
    )
    .addOption(new Option('--config <file>', 'settings, as JSON'))
    .action(async (options: CoordinatorOptions) => {
      const { runCoordinator } = await import('../src/main.js');
      const { interruption } = await import('./interruption.js');
      await runCoordinator(options, interruption());
      done();
    });

  command(
    'agent',
    'Build and boot kernels for a coordinator.',
    'agent --coordinator farm:7420 --slots 2 --label site=basement',
  )
    .option('--name <name>', "the agent's name in the farm (default: this machine's)")
    .addOption(new Option('--slots <n>', 'tests at a time').argParser(wholeNumber(1, 64)).default(1))
    .addOption(
      new Option('--workdir <dir>', 'mirror, worktrees (default: below the state directory)').argParser(
        directory,
      ),
    )
    .addOption(
      new Option('--label <key=value>', 'a fact about this machine; may be repeated')
        .argParser(label)
        .default({}),
    )
    .addOption(
      new Option('--cache-size <size>', 'limit of the blobs kept near, like 500M')
        .argParser(bytes)
        .default(5 * 2 ** 30, '5G'),
    )
    .addOption(
      new Option(
        '--cache <host:port[/instance]>',
        "the cache that the coordinator's `cache.remote` names, to be spoken to directly",
      ).argParser(cacheAddress),
    )
    .addOption(tokenOption('lets the agent join a farm that does not know it yet'))
    .action(async (options: AgentCommand) => {
      await (await import('./agent.js')).agent(farm(), options);
      done();
    });

  addRangeOptions(
    command(
      'bisect',
      'Find the commit that broke, fixed or changed something.',
      'bisect --repo ~/linux --good v6.6 --bad v6.7 --reproducer crash.c --local',
    ).requiredOption('--repo <path|url>', 'a local repository, or one that the coordinator can fetch'),
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
    .addOption(json())
    .addOption(ci())
    .option('--local', 'start a farm for this job alone, and take it down afterwards')
    .addOption(agents())
    .addOption(
      new Option('--state <dir>', 'what the local farm keeps (default: nothing)').argParser(directory),
    )
    .action(async (options: BisectOptions, self: Command) => {
      const { bisect } = await import('./bisect.js');
      const given = (name: string) => self.getOptionValueSource(name) === 'cli';
      end(await bisect(farm(), options, { agents: given('agents'), arch: given('arch') }));
    });

  command(
    'init',
    'Write a job file to start from: kbisect.yaml.',
    'init && kbisect bisect -f kbisect.yaml',
  ).action(async () => {
    await (await import('./job-file.js')).writeJobFile('kbisect.yaml');
    process.stdout.write('kbisect.yaml is written; say in it what to look for\n');
    done();
  });

  command('jobs', 'List the jobs.', 'jobs')
    .addOption(json())
    .action(async (options: { json?: boolean }) => {
      await (await import('./jobs.js')).jobs(farm(), options);
      done();
    });

  command('job <id>', 'Show a job.', 'job 3f9a0c1b22')
    .addOption(json())
    .action(async (id: string, options: { json?: boolean }) => {
      await (await import('./job.js')).job(farm(), id, options);
      done();
    });

  command('watch <id>', 'Follow a job from its start to its end.', 'watch 3f9a0c1b22')
    .addOption(json())
    .addOption(ci())
    .action(async (id: string, options: { json?: boolean; ci?: string }) => {
      end(await (await import('./watch.js')).watch(farm(), id, options));
    });

  command(
    'log <id>',
    'Print the git bisect log of a job.',
    'log 3f9a0c1b22 > bisect.log && git bisect replay bisect.log',
  ).action(async (id: string) => {
    await (await import('./log.js')).log(farm(), id);
    done();
  });

  command(
    'report <id>',
    'Print what was found, and on what evidence: an e-mail to those whom it concerns.',
    'report 3f9a0c1b22 > report.eml',
  )
    .addOption(new Option('--json', 'for programs (docs/report.schema.json)').conflicts('html'))
    .option('--html', 'a page for browsers')
    .action(async (id: string, options: { json?: boolean; html?: boolean }) => {
      await (await import('./report.js')).report(farm(), id, options);
      done();
    });

  command(
    'bundle <id>',
    'Write all evidence of a job, with a script that shows the finding without a farm.',
    'bundle 3f9a0c1b22 -o finding.tar.zst',
  )
    .requiredOption('-o, --output <file>', 'the archive, .tar.zst')
    .action(async (id: string, { output }: { output: string }) => {
      await (await import('./bundle.js')).bundle(farm(), id, output);
      done();
    });

  command(
    'console <id> <commit>',
    'Print the consoles of the trials of a commit.',
    'console 3f9a0c1b22 8f2ac91b2c3d',
  ).action(async (id: string, commit: string) => {
    await (await import('./console.js')).consoles(farm(), id, commit);
    done();
  });

  command(
    'shell <id> <commit>',
    'Boot the image of a commit here, with a shell on this terminal.',
    'shell 3f9a0c1b22 8f2ac91b2c3d',
  ).action(async (id: string, commit: string) => {
    end(await (await import('./shell.js')).shell(farm(), id, commit));
  });

  command('cancel <id>', 'Stop a job.', 'cancel 3f9a0c1b22').action(async (id: string) => {
    await (await import('./cancel.js')).cancel(farm(), id);
    done();
  });

  command(
    'mark <id> <commit>',
    'Give the verdict on a commit by hand; it stands, whatever tests show.',
    'mark 3f9a0c1b22 8f2ac91b2c3d skip',
  )
    .addArgument(new Argument('<verdict>', 'what the commit is').choices(['old', 'new', 'skip']))
    .action(async (id: string, commit: string, verdict: 'old' | 'new' | 'skip') => {
      await (await import('./by-hand.js')).mark(farm(), id, commit, verdict);
      done();
    });

  command(
    'rerun <id> <commit>',
    'Try a commit again; what is known of it stays, a mark is lifted.',
    'rerun 3f9a0c1b22 8f2ac91b2c3d',
  ).action(async (id: string, commit: string) => {
    await (await import('./by-hand.js')).rerun(farm(), id, commit);
    done();
  });

  command('agents', 'List the agents and what they do.', 'agents')
    .addOption(json())
    .action(async (options: { json?: boolean }) => {
      await (await import('./agents.js')).agents(farm(), options);
      done();
    });

  command(
    'login <addresses>',
    'Be known at a coordinator, or at all of a farm, by a token that an admin has made.',
    'login farm:7420 --token kbisect.0123456789...',
  )
    .addOption(tokenOption('the token'))
    .action(async (at: string, options: { token?: string }) => {
      await (await import('./login.js')).logIn(addresses(at), options.token);
      done();
    });

  const tokens = program.command('token').description('Say who may come in: people and agents.');
  const tokenCommand = (name: string, description: string, example: string) =>
    tokens
      .command(name)
      .description(description)
      .addHelpText('after', `\nExample:\n  $ kbisect token ${example}`)
      .copyInheritedSettings(program)
      .addOption(
        new Option(
          '--state <dir>',
          "with the right of a coordinator's owner, who can read its state",
        ).argParser(directory),
      );
  tokenCommand(
    'create',
    'Print a token, to be traded for a login or a place as an agent.',
    'create --role agent --ttl 1h',
  )
    .addOption(
      new Option('--role <role>', 'what it lets one be')
        .choices(['agent', 'viewer', 'submitter', 'operator', 'admin'])
        .makeOptionMandatory(),
    )
    .addOption(
      new Option('--ttl <time>', 'how long it is good for, like 1h or 30d')
        .argParser(duration)
        .default(3600, '1h'),
    )
    .addOption(
      new Option(
        '--uses <n>',
        'how often it may be traded (default: 1 for an agent, else no limit)',
      ).argParser(wholeNumber(1, 1_000_000)),
    )
    .option('--name <name>', 'of the person, or of the only agent that may join with it')
    .action(async (options: CreateOptions) => {
      await (await import('./token.js')).createToken(farm(), options);
      done();
    });
  tokenCommand('list', 'List tokens, logins and agents.', 'list')
    .addOption(json())
    .action(async (options: TokenOptions & { json?: boolean }) => {
      await (await import('./token.js')).listTokens(farm(), options);
      done();
    });
  tokenCommand(
    'revoke <id>',
    'End a token, login or agent, and all that was traded for it.',
    'revoke 3f9a0c1b22',
  ).action(async (id: string, options: TokenOptions) => {
    await (await import('./token.js')).revokeToken(farm(), id, options);
    done();
  });

  const cache = program.command('cache').description('Look after the cache of kernels and consoles.');
  const cacheCommand = (name: string, description: string, example: string) =>
    cache
      .command(name)
      .description(description)
      .addHelpText('after', `\nExample:\n  $ kbisect cache ${example}`)
      .copyInheritedSettings(program);
  cacheCommand('stat', 'Show what is stored, and what was spared.', 'stat')
    .addOption(json())
    .action(async (options: { json?: boolean }) => {
      await (await import('./cache.js')).cacheStat(farm(), options);
      done();
    });
  cacheCommand('gc', 'Evict what the limits do not allow for.', 'gc').action(async () => {
    await (await import('./cache.js')).cacheGc(farm());
    done();
  });
  cacheCommand('verify', 'Read and hash every blob; set aside what has rotted.', 'verify').action(
    async () => {
      end(await (await import('./cache.js')).cacheVerify(farm()));
    },
  );
  cacheCommand('pin <sha256>', 'Keep a blob from being evicted.', 'pin 9f86d081884c7d659a2feaa0c55ad015...')
    .option('--remove', 'let it be evicted again')
    .action(async (digest: string, options: { remove?: boolean }) => {
      await (await import('./cache.js')).cachePin(farm(), digest, options);
      done();
    });

  const config = program.command('config').description('Look after kernel configurations.');
  addRangeOptions(
    config
      .command('check')
      .description('Tell which requested symbols survive at the ends of a range, and why the others do not.')
      .addHelpText(
        'after',
        '\nExample:\n  $ kbisect config check --repo ~/linux --good v6.6 --bad v6.7 --config-fragment scsi.config',
      )
      .copyInheritedSettings(program)
      .requiredOption('--repo <path>', 'a local repository'),
  )
    .option('--config <file>', 'the base .config (default: the smallest that boots)')
    .option('--config-fragment <file...>', 'on top of the base, in order')
    .option('--profile <name...>', 'ready-made configs under the fragments: scsi, net, kasan')
    .option('--toolchain <rule>', 'a compiler (gcc-12, clang-14) or a range of versions (gcc>=11,<13)')
    .option('--arch <arch>', 'architecture', 'x86_64')
    .addOption(json())
    .action(async (options: ConfigCheckOptions) => {
      end(await (await import('./config-check.js')).configCheck(options));
    });

  command(
    'backup <file>',
    'Write all that a coordinator keeps to one .tar.zst, while it runs.',
    'backup --state /var/lib/kbisect-coordinator /backup/kbisect.tar.zst',
  )
    .addOption(state())
    .option(
      '--no-cache',
      'leave out kernels and consoles: they can be made again, the evidence of old jobs cannot',
    )
    .action(async (file: string, options: { state: string; cache: boolean }) => {
      await (await import('./backup.js')).backup(options.state, file, options);
      done();
    });

  command(
    'restore <file>',
    "Make a coordinator's directory from a backup.",
    'restore --state /var/lib/kbisect-coordinator /backup/kbisect.tar.zst',
  )
    .addOption(state())
    .action(async (file: string, options: { state: string }) => {
      await (await import('./backup.js')).restore(file, options.state);
      done();
    });

  command('doctor', 'List the programs that this machine lacks, and the packages that have them.', 'doctor')
    .addOption(json())
    .action(async (options: { json?: boolean }) => {
      end(await (await import('./doctor.js')).doctor(options));
    });

  command('completion', 'Print what makes a shell complete all this.', 'completion bash >> ~/.bashrc')
    .addArgument(new Argument('<shell>', 'whose language').choices(['bash', 'zsh', 'fish']))
    .action(async (shell: 'bash' | 'zsh' | 'fish') => {
      const { completionScript } = await import('./completion.js');
      process.stdout.write(completionScript(shell, program));
      done();
    });

  // The commands that ask the search without a farm.
  for (const { command: searchCommand } of [await import('./plan.js'), await import('./simulate.js')]) {
    program.addCommand(searchCommand().copyInheritedSettings(program));
  }
  return program;
}
