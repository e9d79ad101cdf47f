import type { Argument, Command, Option } from 'commander';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** A command with the names that lead to it, and what can follow it. */
interface Node {
  /** `kbisect cache stat` */
  readonly path: string;
  readonly commands: readonly Command[];
  readonly options: readonly Option[];
  readonly choices: readonly string[];
}

/** The script that has a shell complete this program's commands, options and choices; files elsewhere. */
export function completionScript(shell: Shell, program: Command): string {
  const nodes = nodesOf(program, program.name());
  switch (shell) {
    case 'bash':
      return bash(nodes, program.name());
    case 'zsh':
      return zsh(nodes, program.name());
    case 'fish':
      return fish(nodes, program.name());
  }
}

function nodesOf(command: Command, path: string, inherited: readonly Option[] = []): Node[] {
  const { commands, options } = command;
  const visible = [...options, ...inherited].filter(({ hidden, long }) => !hidden && long !== undefined);
  const choices = command.registeredArguments.flatMap(({ argChoices }: Argument) => argChoices ?? []);
  const global = [...inherited, ...options.filter(({ long }) => long !== '--version')];
  const isRoot = path === command.name();
  return [
    { path, commands, options: visible, choices },
    ...commands.flatMap((sub) => nodesOf(sub, `${path} ${sub.name()}`, isRoot ? global : inherited)),
  ];
}

const words = ({ commands, options, choices }: Node): string[] => [
  ...commands.map((command) => command.name()),
  ...choices,
  ...options.map(({ long }) => long ?? ''),
  '--help',
];

/** Lines that find the command which the words before the cursor name. */
function descent(nodes: readonly Node[], open: string): string {
  const steps = nodes.flatMap(({ path, commands }) =>
    commands.map((command) => {
      const next = `${path} ${command.name()}`;
      return `      ${open}'${next}') at='${next}' ;;`;
    }),
  );
  return steps.join('\n');
}

function bash(nodes: readonly Node[], name: string): string {
  const values = nodes.flatMap(({ path, options }) =>
    options.flatMap(({ long, argChoices }) =>
      argChoices ? [`    '${path} ${long ?? ''}') found='${argChoices.join(' ')}' ;;`] : [],
    ),
  );
  const cases = nodes.map((node) => `    '${node.path}') found='${words(node).join(' ')}' ;;`);
  return `# bash completion of ${name}: source <(${name} completion bash)
_${name}() {
  local at=${name} found='' word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$at $word" in
${descent(nodes, '')}
    esac
  done
  case "$at" in
${cases.join('\n')}
  esac
  case "$at \${COMP_WORDS[COMP_CWORD - 1]}" in
${values.length > 0 ? values.join('\n') : '    *) ;;'}
  esac
  mapfile -t COMPREPLY < <(compgen -W "$found" -- "\${COMP_WORDS[COMP_CWORD]}")
}
complete -o default -F _${name} ${name}
`;
}

/** In single quotes, for zsh and fish alike. */
const quoted = (text: string) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "'\\''")}'`;

function zsh(nodes: readonly Node[], name: string): string {
  const described = (word: string, text: string) => quoted(`${word.replaceAll(':', '\\:')}:${text}`);
  const cases = nodes.map(({ path, commands, options, choices }) => {
    const found = [
      ...commands.map((command) => described(command.name(), command.description())),
      ...choices.map((choice) => described(choice, '')),
      ...options.map(({ long, description }) => described(long ?? '', description)),
      described('--help', 'what this does'),
    ];
    return `    ('${path}') found=(${found.join(' ')}) ;;`;
  });
  return `#compdef ${name}
# zsh completion of ${name}: source <(${name} completion zsh)
_${name}() {
  local at=${name} word
  local -a found
  for word in "\${(@)words[2,CURRENT-1]}"; do
    case "$at $word" in
${descent(nodes, '(').replaceAll("('", "('")}
    esac
  done
  case $at in
${cases.join('\n')}
  esac
  _describe ${name} found
  _files
}
compdef _${name} ${name}
`;
}

function fish(nodes: readonly Node[], name: string): string {
  const lines = nodes.flatMap(({ path, commands, options, choices }) => {
    const names = path.split(' ').slice(1);
    const seen = names.map((one) => `__fish_seen_subcommand_from ${one}`);
    const here = seen.length === 0 ? '__fish_use_subcommand' : seen.join('; and ');
    const none = commands.map((command) => command.name()).join(' ');
    const before =
      names.length > 0 && none !== '' ? `${here}; and not __fish_seen_subcommand_from ${none}` : here;
    const line = (condition: string, what: string, text: string) =>
      `complete -c ${name} -n ${quoted(condition)} ${what} -d ${quoted(text)}`;
    return [
      ...commands.map((command) => line(before, `-f -a ${command.name()}`, command.description())),
      ...choices.map((choice) => line(here, `-f -a ${choice}`, '')),
      ...options.map(({ long, short, required, argChoices, description }) => {
        const letter = short === undefined ? '' : ` -s ${short.slice(1)}`;
        const values = argChoices ? ` -x -a ${quoted(argChoices.join(' '))}` : required ? ' -r' : '';
        return line(here, `-l ${(long ?? '').slice(2)}${letter}${values}`, description);
      }),
    ];
  });
  return `# fish completion of ${name}: ${name} completion fish | source\n${lines.join('\n')}\n`;
}
