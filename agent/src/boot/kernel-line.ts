/** A line of the kernel's own log on the console. */
export interface KernelLine {
  readonly text: string;
  /** The task or CPU that said it, on kernels that print it: T12, C0. */
  readonly caller: string | undefined;
}

/** The time, and on some kernels the task or CPU, before each line of the kernel's own. */
const PREFIX = /(?:<\d{1,3}>)?\[ {0,6}\d{1,10}\.\d{6}\](?:\[ {0,8}([TC]\d{1,10})\])? /;
const AT_START = new RegExp(`^${PREFIX.source}`);

/**
 * Tells the kernel's lines from what programs print. Once the kernel has put the time before a line, all of its lines
 * have it, and what has none is a program's; a kernel that prints no times may have said any line.
 */
export class KernelLines {
  #timed = false;

  /** The kernel's line in a line of the console, which may begin behind what a program printed; undefined if there is none. */
  in(line: string): KernelLine | undefined {
    if (line.charCodeAt(0) === 0x5b || line.charCodeAt(0) === 0x3c) {
      const found = AT_START.exec(line);
      if (found !== null) {
        this.#timed = true;
        return { text: line.slice(found[0].length), caller: found[1] };
      }
    }
    if (!this.#timed) return { text: line, caller: undefined };
    if (!line.includes('] ')) return undefined;
    const found = PREFIX.exec(line);
    return found === null ? undefined : { text: line.slice(found.index + found[0].length), caller: found[1] };
  }
}
