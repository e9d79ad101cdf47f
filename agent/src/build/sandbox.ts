import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { totalmem, tmpdir } from 'node:os';
import { join } from 'node:path';
import { messageOf } from '@kbisect/shared/errors';
import { run, type Command } from '@kbisect/shared/process';

/** What keeps a build where it belongs. */
export type Sandbox =
  | { readonly kind: 'bubblewrap' }
  /** Nothing: a build can write and connect wherever the agent can. */
  | { readonly kind: 'none'; readonly reason: string };

/** No file that a kernel's build makes is as large. */
const MAX_FILE_BYTES = 16 * 1024 ** 3;

/** What a contained command may reach besides reading what this machine has. */
export interface Reach {
  readonly writable: readonly string[];
  /** Seen even where they are below /tmp, which is the command's own. */
  readonly readable: readonly string[];
}

/** Tries whether bubblewrap works here: it takes namespaces that some containers refuse. */
export async function probeSandbox(): Promise<Sandbox> {
  const directory = await realpath(await mkdtemp(join(tmpdir(), 'kbisect-sandbox-')));
  try {
    const reach = { writable: [directory], readable: [] };
    const command = {
      program: 'sh',
      args: ['-c', 'touch here && ! touch /usr/kbisect-probe'],
      cwd: directory,
    };
    const done = await run({ ...contained(command, { kind: 'bubblewrap' }, reach), timeoutMs: 10_000 });
    if (done.status === 0) return { kind: 'bubblewrap' };
    return { kind: 'none', reason: `bubblewrap does not work here: ${done.stderr.trim().slice(-200)}` };
  } catch (error) {
    return { kind: 'none', reason: messageOf(error) };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/**
 * The command in a sandbox: it can write below `writable` alone, has no network, and none of its processes lives on
 * without it. With or without one, a process has no more memory than the machine, and no file grows without end.
 */
export function contained<C extends Pick<Command, 'program' | 'args' | 'cwd'>>(
  command: C,
  sandbox: Sandbox,
  { writable, readable }: Reach,
): C {
  const limits = [`--as=${totalmem()}`, `--fsize=${MAX_FILE_BYTES}`, '--core=0'];
  const limited = ['prlimit', ...limits, '--', command.program, ...command.args];
  if (sandbox.kind === 'none') return { ...command, program: 'prlimit', args: limited.slice(1) };
  const args = [
    // make is told to end and cleans up; bubblewrap waits for it.
    ...['--ignore-signal=TERM', 'bwrap'],
    ...['--unshare-all', '--die-with-parent', '--ro-bind', '/', '/'],
    ...['--dev', '/dev', '--proc', '/proc', '--tmpfs', '/tmp'],
    ...readable.flatMap((path) => ['--ro-bind', path, path]),
    ...writable.flatMap((path) => ['--bind', path, path]),
    ...(command.cwd === undefined ? [] : ['--chdir', command.cwd]),
    ...['--', 'env', '--default-signal=TERM', ...limited],
  ];
  return { ...command, program: 'env', args };
}

/** In words, for the agent's capabilities. */
export function describeSandbox(sandbox: Sandbox): string {
  return sandbox.kind === 'bubblewrap' ? 'bubblewrap' : `none: ${sandbox.reason}`;
}
