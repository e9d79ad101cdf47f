import type { Command } from 'commander';
import { ExitStatus } from '../exit-status.js';

/** The commands of a program, as they are being declared. */
export class Commands {
  /** @param end is called with the exit status of the command that ran */
  constructor(
    readonly program: Command,
    readonly end: (status: ExitStatus) => void,
  ) {}

  /** Where the farm is, once the command line is read. */
  get farm(): string {
    return this.program.opts<{ coordinator: string }>().coordinator;
  }

  /** The command that ran has done what it was called for. */
  done(): void {
    this.end(ExitStatus.Found);
  }

  /** @param example the rest of a command line, as its help shows it */
  command(name: string, description: string, example: string): Command {
    return this.program
      .command(name)
      .description(description)
      .addHelpText('after', `\nExample:\n  $ kbisect ${example}`);
  }

  /** Declares a command that has commands of its own, and gives what declares those. */
  group(name: string, description: string): Commands['command'] {
    const group = this.program.command(name).description(description);
    return (ofGroup, words, example) =>
      group
        .command(ofGroup)
        .description(words)
        .addHelpText('after', `\nExample:\n  $ kbisect ${name} ${example}`)
        .copyInheritedSettings(this.program);
  }
}
