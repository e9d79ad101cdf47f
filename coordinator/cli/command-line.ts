import { Argument, Command, Option } from 'commander';
import { addresses } from './arguments.js';
import { accessCommands } from './commands/access-commands.js';
import { backupCommands } from './commands/backup-commands.js';
import { bisectCommands } from './commands/bisect-commands.js';
import { cacheCommands } from './commands/cache-commands.js';
import { Commands } from './commands/commands.js';
import { COORDINATOR, jsonOption } from './commands/common-options.js';
import { configCommands } from './commands/config-commands.js';
import { daemonCommands } from './commands/daemon-commands.js';
import { jobCommands } from './commands/job-commands.js';
import type { ExitStatus } from './exit-status.js';

/**
 * The whole command line. What a command does is in the file of its name, loaded when it is called; what it takes is in `commands`.
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
  const commands = new Commands(program, end);
  daemonCommands(commands);
  bisectCommands(commands);
  jobCommands(commands);
  accessCommands(commands);
  cacheCommands(commands);
  configCommands(commands);
  backupCommands(commands);

  commands
    .command(
      'doctor',
      'List the programs that this machine lacks, and the packages that have them.',
      'doctor',
    )
    .addOption(jsonOption())
    .action(async (options: { json?: boolean }) => {
      commands.end(await (await import('./doctor.js')).doctor(options));
    });

  commands
    .command('completion', 'Print what makes a shell complete all this.', 'completion bash >> ~/.bashrc')
    .addArgument(new Argument('<shell>', 'whose language').choices(['bash', 'zsh', 'fish']))
    .action(async (shell: 'bash' | 'zsh' | 'fish') => {
      const { completionScript } = await import('./completion.js');
      process.stdout.write(completionScript(shell, program));
      commands.done();
    });

  // The commands that ask the search without a farm.
  for (const { command: searchCommand } of [await import('./plan.js'), await import('./simulate.js')]) {
    program.addCommand(searchCommand().copyInheritedSettings(program));
  }
  return program;
}
