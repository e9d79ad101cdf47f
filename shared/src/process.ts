import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { KbisectError, systemCode } from './errors.js';
import { groupReaper } from './group-reaper.js';

/** How a program is to be run. The program and its arguments never pass through a shell. */
export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  /** The whole environment; default: this process's own. */
  readonly env?: NodeJS.ProcessEnv;
  /** Options of setpriv that take privileges from the program; default: it keeps this process's. */
  readonly privileges?: readonly string[];
  /** Written to standard input, which is then closed; default: no input. */
  readonly input?: string | Uint8Array | Readable;
  /** Kills the whole process group when aborted. */
  readonly signal?: AbortSignal;
  /** Milliseconds that an aborted group has, after a SIGTERM, to end by itself; default: none. */
  readonly graceMs?: number;
  /** Kills the whole process group after so many milliseconds. */
  readonly timeoutMs?: number;
  /** Bytes of standard output that are kept; more is an error. Default 64 MiB. */
  readonly maxOutput?: number;
  /** Sees output as it comes, of both streams; standard output is then not kept. */
  readonly onOutput?: (chunk: Buffer, stream: 'stdout' | 'stderr') => void;
}

/** How a program ended. */
export interface Completed {
  /** Exit status; null when a signal ended it. */
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: Buffer;
  /** The last 64 KiB of standard error. */
  readonly stderr: string;
  readonly timedOut: boolean;
}

const STDERR_TAIL = 64 * 1024;

/**
 * Kills a process and all of its group, which `startProcess` made it the leader of.
 * Does nothing when it is gone already.
 */
export function killGroup(child: ChildProcess, signal: NodeJS.Signals = 'SIGKILL'): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch (error) {
    if (systemCode(error) !== 'ESRCH') throw error;
  }
}

/** Begins when a line comes on a descriptor; when none does, who started it is dead, and the reaper may not know of it. */
const begin = (descriptor: number) => `read -r go <&${descriptor} && exec ${descriptor}<&- "$@"`;

/**
 * Starts a program as the leader of its own process group; what it leaves behind in the group ends with it. When this
 * process dies, however and whenever it dies, the kernel kills the program (setpriv --pdeathsig) and a reaper the rest of
 * its group.
 */
export function startProcess(
  command: Pick<Command, 'program' | 'args' | 'cwd' | 'env' | 'privileges'>,
  stdio: ('pipe' | 'ignore' | 'inherit' | number)[],
): ChildProcess {
  const options = [...(command.privileges ?? []), '--pdeathsig', 'KILL'];
  const program = ['setpriv', ...options, '--', command.program, ...command.args];
  groupReaper.ready();
  const child = spawn('/bin/sh', ['-c', begin(stdio.length), 'sh', ...program], {
    cwd: command.cwd,
    env: command.env ?? process.env,
    stdio: [...stdio, 'pipe'],
    detached: true,
  });
  const { pid } = child;
  if (pid !== undefined) {
    groupReaper.watch(pid);
    letBegin(child.stdio.at(-1));
    child.once('exit', () => {
      killGroup(child);
      groupReaper.forget(pid);
    });
  }
  return child;
}

function letBegin(gate: ChildProcess['stdio'][number] | undefined): void {
  if (!(gate instanceof Socket)) return;
  gate.on('error', () => undefined); // it was killed already
  gate.resume().end('\n');
}

/**
 * Runs a program to its end and gives how it ended, whatever its status.
 * @throws KbisectError `cancelled` when the signal is aborted (its cause is the signal by which the program ended),
 *   `missing-tool` when there is no such program, `resource-exhausted` when it prints more than `maxOutput`.
 */
export async function run(command: Command): Promise<Completed> {
  throwIfCancelled(command);
  const child = startProcess(command, [command.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe']);
  const maxOutput = command.maxOutput ?? 64 * 1024 * 1024;
  const stdout: Buffer[] = [];
  let stdoutSize = 0;
  let stderr = '';
  let timedOut = false;

  let killer: NodeJS.Timeout | undefined;
  let ending: NodeJS.Signals | undefined;
  const stop = () => {
    ending = 'SIGKILL';
    killGroup(child);
  };
  const cancel = () => {
    if (command.graceMs === undefined) {
      stop();
      return;
    }
    ending = 'SIGTERM';
    killGroup(child, 'SIGTERM');
    killer = setTimeout(stop, command.graceMs);
  };
  const timer =
    command.timeoutMs === undefined
      ? undefined
      : setTimeout(() => {
          timedOut = true;
          stop();
        }, command.timeoutMs);
  command.signal?.addEventListener('abort', cancel, { once: true });

  child.stdout?.on('data', (chunk: Buffer) => {
    if (command.onOutput) {
      command.onOutput(chunk, 'stdout');
      return;
    }
    stdoutSize += chunk.length;
    if (stdoutSize > maxOutput) {
      stop();
    } else {
      stdout.push(chunk);
    }
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    command.onOutput?.(chunk, 'stderr');
    stderr = (stderr + chunk.toString('utf8')).slice(-STDERR_TAIL);
  });
  if (child.stdin) feed(child.stdin, command.input);

  try {
    const [status, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
    throwIfCancelled(command, ending);
    if (stdoutSize > maxOutput) {
      throw new KbisectError('resource-exhausted', `${command.program} printed more than ${maxOutput} bytes`);
    }
    if (status === 127 && stderr.startsWith('setpriv: failed to execute')) {
      throw new KbisectError('missing-tool', `${command.program} is not installed; run 'kbisect doctor'`);
    }
    return { status, signal, stdout: Buffer.concat(stdout), stderr, timedOut };
  } finally {
    clearTimeout(timer);
    clearTimeout(killer);
    command.signal?.removeEventListener('abort', cancel);
  }
}

/**
 * Runs a program that is expected to succeed and gives its standard output as text, without the last newline.
 * @throws as `run`, and `command-failed` with the program's own last words when its status is not 0.
 */
export async function runText(command: Command): Promise<string> {
  const done = await run(command);
  if (done.status !== 0) throw commandFailed(command, done);
  return done.stdout.toString('utf8').replace(/\n$/, '');
}

/** The error for a program that ended badly. */
export function commandFailed(command: Pick<Command, 'program' | 'args'>, done: Completed): KbisectError {
  const how = done.timedOut
    ? 'ran out of time'
    : done.signal
      ? `was killed by ${done.signal}`
      : `failed with status ${done.status ?? '?'}`;
  const words = done.stderr.trim().split('\n').slice(-5).join('\n');
  return new KbisectError(
    'command-failed',
    `${[command.program, ...command.args].join(' ')} ${how}: ${words}`,
  );
}

function throwIfCancelled(command: Command, cause?: NodeJS.Signals): void {
  if (command.signal?.aborted)
    throw new KbisectError('cancelled', `${command.program} was cancelled`, { cause });
}

function feed(stdin: NodeJS.WritableStream, input: Command['input']): void {
  // A program may end without reading its input; that is its right.
  stdin.on('error', () => undefined);
  if (input === undefined) return;
  if (typeof input === 'string' || input instanceof Uint8Array) stdin.end(input);
  else input.pipe(stdin);
}
