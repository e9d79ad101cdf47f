import { Option, type Command } from 'commander';
import { suspect } from './arguments.js';

/** The options that say which commits are looked through. */
export function addRangeOptions(command: Command): Command {
  return command
    .option('--good <rev...>', 'where it worked')
    .option('--bad <rev>', 'where it no longer works')
    .option('--broken <rev...>', 'where it did not work yet')
    .option('--fixed <rev>', 'where it works')
    .option('--old <rev...>', 'the older behaviour')
    .option('--new <rev>', 'the newer behaviour')
    .option('--first-parent', 'follow only the first parent of merges')
    .option('--pathspec <path...>', 'only commits that touch these paths')
    .addOption(
      new Option(
        '--suspect <path[=weight]>',
        'commits that touch it are likelier, 10 times unless said; may be repeated',
      ).argParser(suspect),
    );
}
