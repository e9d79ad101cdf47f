import { lstatSync, readlinkSync } from 'node:fs';
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { totalmem, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { messageOf, systemCode } from '@kbisect/shared/errors';
import { run, type Command } from '@kbisect/shared/process';

/** What keeps a build where it belongs. */
export type Sandbox =
  | { readonly kind: 'bubblewrap' }
  /** Nothing: a build can write and connect wherever the agent can. */
  | { readonly kind: 'none'; readonly reason: string };

/** No file that a kernel's build makes is as large. */
const MAX_FILE_BYTES = 16 * 1024 ** 3;

/** A build of a kernel has some hundred processes for each processor. */
const MAX_PROCESSES = 4096;
/** Of the command's own /tmp, which is memory. */
const TMP_BYTES = 4 * 1024 ** 3;
/** When memory runs short, what is contained is killed before its agent is. */
const OUT_OF_MEMORY_SCORE = 800;

/** Of this machine, what a contained command sees: the programs, and what they cannot do without. */
const PROGRAMS = ['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32', '/opt'];
const SETTINGS = [
  'alternatives',
  'group',
  'ld.so.cache',
  'ld.so.conf',
  'ld.so.conf.d',
  'localtime',
  'nsswitch.conf',
  'passwd',
  'ssl/openssl.cnf',
];

/** What a contained command may reach besides the machine's programs. */
export interface Reach {
  /** A directory, to be written to, that it sees at a place of its own: see `placeOf`. */
  readonly tree: string;
  readonly writable: readonly string[];
  readonly readable: readonly string[];
}

/** Where a contained command sees its tree: what it makes names no path of the machine, and serves in any other tree. */
const TREE = '/kbisect-tree';

/** Where a command sees its tree. */
export function placeOf(tree: string, sandbox: Sandbox): string {
  return sandbox.kind === 'none' ? tree : TREE;
}

/** Tries whether bubblewrap works here: it takes namespaces that some containers refuse. */
export async function probeSandbox(): Promise<Sandbox> {
  const directory = await realpath(await mkdtemp(join(tmpdir(), 'kbisect-sandbox-')));
  try {
    const reach = { tree: directory, writable: [], readable: [] };
    const command = { program: 'sh', args: ['-c', 'touch here && ! touch /usr/kbisect-probe'] };
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
 * The command in its tree, in a sandbox: it sees this machine's programs and nothing else of it, can write to what it may
 * reach alone, has no network, and none of its processes lives on without it. With or without one, a process has no more memory than the
 * machine, no file grows without end, and it is the first to go when memory runs short.
 */
export function contained<C extends Pick<Command, 'program' | 'args'>>(
  command: C,
  sandbox: Sandbox,
  { tree, writable, readable }: Reach,
): C & { readonly cwd: string } {
  const limits = [`--as=${totalmem()}`, `--fsize=${MAX_FILE_BYTES}`, '--core=0'];
  const spared = ['choom', '--adjust', String(OUT_OF_MEMORY_SCORE), '--'];
  if (sandbox.kind === 'none') {
    const args = [...limits, '--', ...spared, command.program, ...command.args];
    return { ...command, program: 'prlimit', args, cwd: tree };
  }
  const args = [
    // make is told to end and cleans up; bubblewrap waits for it.
    ...['--ignore-signal=TERM', 'bwrap'],
    ...['--unshare-all', '--die-with-parent', ...programs()],
    ...SETTINGS.flatMap((name) => ['--ro-bind-try', `/etc/${name}`, `/etc/${name}`]),
    ...['--dev', '/dev', '--proc', '/proc', '--size', String(TMP_BYTES), '--tmpfs', '/tmp'],
    ...readable.flatMap((path) => ['--ro-bind', path, path]),
    ...writable.flatMap((path) => ['--bind', path, path]),
    ...['--bind', tree, TREE, '--chdir', TREE],
    ...[
      '--',
      'env',
      '--default-signal=TERM',
      'prlimit',
      ...limits,
      `--nproc=${MAX_PROCESSES}`,
      '--',
      ...spared,
    ],
    ...['sh', '-c', COUNTED, 'sh', String(MAX_PROCESSES), command.program, ...command.args],
  ];
  return { ...command, program: 'env', args, cwd: tree };
}

/**
 * Runs a program in a process namespace of its own, and ends all there when they become too many: the kernel's own limit
 * (RLIMIT_NPROC) does not bind root.
 */
const COUNTED = `
limit=$1; shift
(while sleep 0.2; do
  set -- /proc/[0-9]*
  if [ $# -gt $limit ]; then echo "kbisect: more than $limit processes" >&2; kill -9 -1; fi
done) 2>&1 >/dev/null &
exec "$@"`;

/** Directories of programs as they are on this machine: merged into /usr, as links, or of their own. */
function programs(): string[] {
  const places = [...PROGRAMS, ...(process.env['PATH'] ?? '').split(delimiter), process.execPath];
  const seen: string[] = [];
  return places.flatMap((path) => {
    if (!path.startsWith('/') || seen.some((known) => path === known || path.startsWith(`${known}/`)))
      return [];
    seen.push(path);
    try {
      return lstatSync(path).isSymbolicLink()
        ? ['--symlink', readlinkSync(path), path]
        : ['--ro-bind', path, path];
    } catch (error) {
      if (['ENOENT', 'ENOTDIR', 'EACCES'].includes(systemCode(error) ?? '')) return [];
      throw error;
    }
  });
}

/** In words, for the agent's capabilities. */
export function describeSandbox(sandbox: Sandbox): string {
  return sandbox.kind === 'bubblewrap' ? 'bubblewrap' : `none: ${sandbox.reason}`;
}
