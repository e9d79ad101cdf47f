import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { commandLine } from './command-line.js';
import { commandReference } from './command-reference.js';

it('docs/commands.md has what each command says of itself; npm run docs writes it anew', async () => {
  vi.stubEnv('HOME', '/home/you');
  for (const name of ['XDG_STATE_HOME', 'KBISECT_COORDINATOR', 'KBISECT_TOKEN']) vi.stubEnv(name, undefined);
  const program = await commandLine(() => undefined);
  vi.unstubAllEnvs();
  const written = await readFile(join(import.meta.dirname, '../../docs/commands.md'), 'utf8');
  expect(commandReference(program)).toBe(written);
});
