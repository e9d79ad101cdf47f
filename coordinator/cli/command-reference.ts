import type { Command } from 'commander';

const WIDTH = 100;

/** Every command with its help, as docs/commands.md has it. */
export function commandReference(program: Command): string {
  const sections = [program, ...commandsBelow(program)].map((command) => {
    const names = [...ancestors(command), command].map((one) => one.name()).join(' ');
    return `## ${names}\n\n\`\`\`\n${helpOf(command)}\n\`\`\`\n`;
  });
  return `# Commands\n\nMade by \`npm run docs\` of what each command says with \`--help\`.\n\n${sections.join('\n')}`;
}

function commandsBelow(command: Command): Command[] {
  return command.commands.flatMap((sub) => [sub, ...commandsBelow(sub)]);
}

function ancestors({ parent }: Command): Command[] {
  return parent === null ? [] : [...ancestors(parent), parent];
}

/** As on a terminal of a fixed width, without colours; with what stands after it, too. */
function helpOf(command: Command): string {
  let said = '';
  command.configureHelp({ ...command.configureHelp(), helpWidth: WIDTH });
  command.configureOutput({ writeOut: (text) => (said += text), getOutHasColors: () => false });
  command.outputHelp();
  return said.trimEnd();
}
