import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { run, runText } from '@kbisect/shared/process';
import { commandLine } from './command-line.js';
import { completionScript, SHELLS } from './completion.js';
import { temporaryFolder } from './program-under-test.js';

let script: (shell: (typeof SHELLS)[number]) => string;

beforeAll(async () => {
  const program = await commandLine(() => undefined);
  script = (shell) => completionScript(shell, program);
});

/** What bash offers for a line whose last word is being written. */
async function offered(...line: string[]): Promise<string[]> {
  const program = `${script('bash')}
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _kbisect; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const text = await runText({ program: 'bash', args: ['-c', program, 'bash', ...line] });
  return text.split('\n').filter(Boolean);
}

describe('bash completes', () => {
  it('commands', async () => {
    expect(await offered('kbisect', 'ma')).toEqual(['mark']);
    expect(await offered('kbisect', 'cache', '')).toEqual(
      expect.arrayContaining(['stat', 'gc', 'verify', 'pin']),
    );
  });

  it('options of a command, and those of all', async () => {
    expect(await offered('kbisect', 'bisect', '--run')).toEqual(['--run', '--runs']);
    expect(await offered('kbisect', 'jobs', '--c')).toEqual(['--coordinator']);
    expect(await offered('kbisect', 'cache', 'pin', '--rem')).toEqual(['--remove']);
  });

  it('what an argument can be', async () => {
    expect(await offered('kbisect', 'mark', 'job', 'commit', 's')).toEqual(['skip']);
    expect(await offered('kbisect', 'completion', 'z')).toEqual(['zsh']);
  });

  it('leaves files to the shell', async () => {
    expect(await offered('kbisect', 'bisect', '--config', '/etc/pass')).toEqual([]);
  });
});

it.each(SHELLS)('%s is told of every command with its options', async (shell) => {
  const text = script(shell);
  const program = await commandLine(() => undefined);
  for (const command of program.commands) {
    expect(text).toContain(command.name());
    for (const { long } of command.options) expect(text).toContain((long ?? '').slice(2));
  }
});

it.each(SHELLS)('%s can read it, where it is here', async (shell) => {
  const there = await run({ program: 'sh', args: ['-c', 'command -v "$1"', 'sh', shell] });
  if (there.status !== 0) return;
  const folder = await temporaryFolder();
  const path = join(folder.path, shell);
  await writeFile(path, script(shell));
  const checked = await run({ program: shell, args: ['-n', path] });
  await folder.remove();
  expect(checked).toMatchObject({ status: 0, stderr: '' });
});
