import type { ConfigCheckOptions } from '../config-check.js';
import { addRangeOptions } from '../range-options.js';
import { jsonOption } from './common-options.js';
import type { Commands } from './commands.js';

/** What looks after kernel configurations. */
export function configCommands(commands: Commands): void {
  const configCommand = commands.group('config', 'Look after kernel configurations.');
  addRangeOptions(
    configCommand(
      'check',
      'Tell which requested symbols survive at the ends of a range, and why the others do not.',
      'check --repo ~/linux --good v6.6 --bad v6.7 --config-fragment scsi.config',
    ).requiredOption('--repo <path>', 'a local repository'),
  )
    .option('--config <file>', 'the base .config (default: the smallest that boots)')
    .option('--config-fragment <file...>', 'on top of the base, in order')
    .option('--profile <name...>', 'ready-made configs under the fragments: scsi, net, kasan')
    .option('--toolchain <rule>', 'a compiler (gcc-12, clang-14) or a range of versions (gcc>=11,<13)')
    .option('--arch <arch>', 'architecture', 'x86_64')
    .addOption(jsonOption())
    .action(async (options: ConfigCheckOptions) => {
      commands.end(await (await import('../config-check.js')).configCheck(options));
    });
}
