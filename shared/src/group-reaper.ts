import { spawn } from 'node:child_process';
import { Socket } from 'node:net';
import type { Writable } from 'node:stream';

/** Reads `+ <group>` and `- <group>`; when the pipe breaks, its writer is dead and what it left is killed. */
const SCRIPT = `
while read -r sign group; do
  for known do
    shift
    [ "$known" = "$group" ] || set -- "$@" "$known"
  done
  [ "$sign" = - ] || set -- "$@" "$group"
done
for group do kill -KILL "-$group"; done`;

/**
 * Kills process groups when this process dies, however it dies: a parent's death signal reaches children alone, and
 * a killed make would leave compilers behind. One shell, started with the first of them, waits for a pipe to break.
 */
class GroupReaper {
  #pipe: Writable | undefined;

  /** To be called before a process is started, so that `watch` follows at once. */
  ready(): void {
    this.#pipe ??= start();
  }

  /** @param group the id of a process group, as its leader's process id */
  watch(group: number): void {
    this.#pipe?.write(`+ ${group}\n`);
  }

  /** To be called when the group is gone, before its id can be given to another. */
  forget(group: number): void {
    this.#pipe?.write(`- ${group}\n`);
  }
}

function start(): Writable {
  const shell = spawn('/bin/sh', ['-c', SCRIPT], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
  shell.unref();
  const pipe = shell.stdin;
  if (pipe instanceof Socket) pipe.unref(); // the shell keeps nobody from ending
  // A shell that could not be started reaps nothing; the groups' leaders still die by their death signal.
  shell.on('error', () => undefined);
  pipe.on('error', () => undefined);
  return pipe;
}

export const groupReaper = new GroupReaper();
