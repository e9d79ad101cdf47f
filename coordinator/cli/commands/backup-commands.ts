import { stateOption } from './common-options.js';
import type { Commands } from './commands.js';

/** What saves a coordinator, and brings it back. */
export function backupCommands(commands: Commands): void {
  commands
    .command(
      'backup <file>',
      'Write all that a coordinator keeps to one .tar.zst, while it runs.',
      'backup --state /var/lib/kbisect-coordinator /backup/kbisect.tar.zst',
    )
    .addOption(stateOption())
    .option(
      '--no-cache',
      'leave out kernels and consoles: they can be made again, the evidence of old jobs cannot',
    )
    .action(async (file: string, options: { state: string; cache: boolean }) => {
      await (await import('../backup.js')).backup(options.state, file, options);
      commands.done();
    });

  commands
    .command(
      'restore <file>',
      "Make a coordinator's directory from a backup.",
      'restore --state /var/lib/kbisect-coordinator /backup/kbisect.tar.zst',
    )
    .addOption(stateOption())
    .action(async (file: string, options: { state: string }) => {
      await (await import('../backup.js')).restore(file, options.state);
      commands.done();
    });
}
