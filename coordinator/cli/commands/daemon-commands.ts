import { Option } from 'commander';
import type { CoordinatorOptions } from '../../src/main.js';
import type { AgentCommand } from '../agent.js';
import { address, bytes, cacheAddress, directory, label, wholeNumber } from '../arguments.js';
import { agentsOption, httpOption, listenOption, stateOption, tokenOption } from './common-options.js';
import type { Commands } from './commands.js';

/** What runs a farm: all on this machine, or a coordinator and agents. */
export function daemonCommands(commands: Commands): void {
  commands
    .command('up', 'Run a farm on this machine: a coordinator and agents.', 'up --agents 2')
    .addOption(agentsOption())
    .addOption(stateOption())
    .addOption(listenOption())
    .addOption(httpOption())
    .action(async (options: { agents: number; state: string; listen: string; http: string }) => {
      commands.end(await (await import('../up.js')).up(options));
    });

  commands
    .command(
      'coordinator',
      'Run a coordinator; agents join it.',
      'coordinator --listen farm:7420 --http farm:7421',
    )
    .addOption(stateOption())
    .addOption(listenOption())
    .addOption(httpOption())
    .addOption(
      new Option(
        '--advertise <host:port>',
        'gRPC as others reach it (default: as in --listen, or this host)',
      ).argParser(address),
    )
    .addOption(new Option('--config <file>', 'settings, as JSON'))
    .action(async (options: CoordinatorOptions) => {
      const { runCoordinator } = await import('../../src/main.js');
      const { interruption } = await import('../interruption.js');
      await runCoordinator(options, interruption());
      commands.done();
    });

  commands
    .command(
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
      await (await import('../agent.js')).agent(commands.farm, options);
      commands.done();
    });
}
