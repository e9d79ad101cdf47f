/** `npm run docs`: writes docs/commands.md anew. Its defaults are those of somebody whose home is /home/you. */
import { writeFile } from 'node:fs/promises';
import { commandLine } from './command-line.js';
import { commandReference } from './command-reference.js';

const program = await commandLine(() => undefined);
await writeFile(new URL('../../../docs/commands.md', import.meta.url), commandReference(program));
