import { createWriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import { KbisectError } from '@kbisect/shared/errors';
import type { Outcome } from '@kbisect/shared/gen/kbisect/v1/job';
import { run } from '@kbisect/shared/process';

const MAX_OUTPUT = 16 * 1024 * 1024;

export interface CommandRequest {
  /** The user's words, for the shell. */
  readonly command: string;
  readonly tree: string;
  readonly timeoutSeconds: number;
  /** File that takes what the command prints. */
  readonly consolePath: string;
  readonly signal: AbortSignal;
  readonly onOutput: (chunk: Buffer) => void;
}

/** The command asked for the end of the whole bisection. */
export class CommandAbort extends KbisectError {
  constructor(how: string) {
    super('failed-precondition', `the command ${how}: as for 'git bisect run', that ends the bisection`);
  }
}

/**
 * Runs a `--run` job's command in a checkout, with the meaning of `git bisect run`: status 0 is old, 125 skips, 1 to
 * 127 otherwise is new, and anything else ends the bisection. The user's words go through a shell, as that is what
 * they are written for.
 * @throws CommandAbort
 */
export async function runCommand(request: CommandRequest): Promise<Outcome> {
  const { command, tree, timeoutSeconds, consolePath, signal, onOutput } = request;
  const log = createWriteStream(consolePath);
  let logged = 0;
  try {
    const done = await run({
      program: 'sh',
      args: ['-c', command],
      cwd: tree,
      signal,
      timeoutMs: timeoutSeconds * 1000,
      onOutput: (chunk) => {
        logged += chunk.length;
        if (logged <= MAX_OUTPUT) log.write(chunk);
        onOutput(chunk);
      },
    });
    if (done.timedOut) return { kind: { $case: 'hang', value: { lastLines: done.stderr.slice(-2000) } } };
    const status = done.status;
    if (status === null) throw new CommandAbort(`was killed by ${done.signal ?? 'a signal'}`);
    if (status === 0) return { kind: { $case: 'pass', value: {} } };
    if (status === 125)
      return { kind: { $case: 'untestable', value: { reason: 'the command exited with 125' } } };
    if (status < 128) return { kind: { $case: 'fail', value: {} } };
    throw new CommandAbort(`exited with ${status}`);
  } finally {
    log.end();
    await finished(log);
  }
}
