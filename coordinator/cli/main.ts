import { CommanderError } from 'commander';
import { KbisectError, messageOf, systemCode } from '@kbisect/shared/errors';
import { commandLine } from './command-line.js';
import { ExitStatus } from './exit-status.js';
import { printableLines } from './printable.js';
import { withJobFile } from './with-job-file.js';

// A reader that goes away (`kbisect jobs | head -1`) ends the program, quietly.
process.stdout.on('error', (error) => {
  if (systemCode(error) === 'EPIPE') process.exit(ExitStatus.Failed);
  throw error;
});

try {
  const program = await commandLine((status) => {
    process.exitCode = status;
  });
  await program.parseAsync(await withJobFile(process.argv.slice(2)), { from: 'user' });
} catch (error) {
  process.exitCode = statusOf(error);
}

/** Tells the user what went wrong, in one line, and gives the exit status. */
function statusOf(error: unknown): ExitStatus {
  // commander has already said it.
  if (error instanceof CommanderError) return error.exitCode === 0 ? ExitStatus.Found : ExitStatus.Usage;
  process.stderr.write(`kbisect: ${printableLines(messageOf(error))}\n`);
  if (process.env['KBISECT_LOG'] === 'debug') console.error(error);
  const wrongWords = error instanceof KbisectError && error.code === 'invalid-argument';
  return wrongWords ? ExitStatus.Usage : ExitStatus.Failed;
}
