import { once } from 'node:events';
import { open, type FileHandle } from 'node:fs/promises';
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { KbisectError, messageOf } from '@kbisect/shared/errors';
import type { Outcome } from '@kbisect/shared/gen/kbisect/v1/job';
import type { Pattern } from '@kbisect/shared/pattern';
import { killGroup, startProcess } from '@kbisect/shared/process';
import type { Accelerator, Arch } from './arch.js';
import { BoundedFile } from './bounded-file.js';
import { ConsolePipe } from './console-pipe.js';
import { ConsoleReader } from './console.js';
import { dumpHang } from './hang-dump.js';
import { LiveConsole } from './live-console.js';
import { commandLine, machineArguments, SERIAL, type GuestFiles, type Machine } from './machine.js';
import { Monitor, monitorArguments } from './monitor.js';
import { outcomeOf, type BootEnd } from './outcome.js';
import { withoutPrivileges } from './privileges.js';
import { TimeLimit } from './time-limit.js';
import type { Resolve } from './trace.js';

/** Kept of a console: so much of its beginning, and of its end. */
const HALF_CONSOLE = 8 * 1024 * 1024;
/** After the harness's last word a guest ends itself at once, or panics; then it is ended. */
const GRACE_MS = 1500;
/** After a crash a guest may have more to say of it; nothing that comes later counts. */
const CRASH_GRACE_MS = 5000;
/** What the guest gets for booting unless the request says otherwise. */
const BOOT_SECONDS = 60;

export interface BootRequest {
  readonly arch: Arch;
  readonly accelerator: Accelerator;
  readonly machine: Machine;
  /** Paths. */
  readonly files: GuestFiles;
  /** For the test in the guest. */
  readonly timeoutSeconds: number;
  /** For booting, besides. */
  readonly bootSeconds?: number;
  /** What a boot of this test usually takes, such as the old end's; undefined when nothing is known. */
  readonly usualSeconds?: number;
  /** Marks the harness's lines in this boot, as its initramfs has it; letters and digits. */
  readonly nonce: string;
  /** What the job looks for in the console. */
  readonly output?: Pattern;
  /** File that takes the console. */
  readonly consolePath: string;
  /** Gets what names addresses, for a kernel that prints no names; asked when there is something to name. */
  readonly symbols?: () => Promise<Resolve>;
  readonly signal: AbortSignal;
  readonly onConsole: (chunk: Buffer) => void;
}

/** What came of a boot. */
export interface Booted {
  readonly outcome: Outcome;
  readonly end: BootEnd;
  readonly seconds: number;
  /** QEMU's arguments, for the evidence; the guest's files are named by their numbers as descriptors. */
  readonly command: readonly string[];
}

/** Descriptors that QEMU inherits. */
const MONITOR_FD = 3;
const FIRST_FILE_FD = 4;

/**
 * Boots an image and says what came of it. The machine is ended when the harness has had its last word, when the kernel has
 * crashed, and when its time is over; a guest that hangs is asked before where it is.
 * @throws KbisectError `cancelled`; `command-failed` with QEMU's words when it cannot start
 */
export async function boot(request: BootRequest): Promise<Booted> {
  const { arch, timeoutSeconds, usualSeconds, nonce, signal } = request;
  const symbols = request.symbols ?? (() => Promise.resolve(() => undefined));
  signal.throwIfAborted();
  const started = performance.now();
  const elapsed = () => performance.now() - started;
  const reader = new ConsoleReader(nonce, request.output);
  const live = new LiveConsole(request.onConsole);
  const longest = ((request.bootSeconds ?? BOOT_SECONDS) + timeoutSeconds) * 1000;
  const limit = new TimeLimit(longest, usualSeconds === undefined ? undefined : usualSeconds * 1000);
  const over = new AbortController();
  let size = 0;
  let words = '';
  let end: BootEnd = 'exited';
  let dump: string | undefined;
  let ending = false;
  let afterwards = '';
  // These are called while the guest runs.
  const stop = () => killGroup(child);
  const take = (chunk: Buffer) => {
    size += chunk.length;
    file.write(chunk);
    live.take(chunk, elapsed());
    if (end === 'timed-out') {
      afterwards = (afterwards + chunk.toString('latin1')).slice(0, 64 * 1024);
      return;
    }
    limit.alive(elapsed());
    reader.take(chunk);
    if (reader.over) end = 'spoken';
    const grace = reader.over ? GRACE_MS : reader.crashed ? CRASH_GRACE_MS : undefined;
    if (grace !== undefined && !ending) {
      ending = true;
      void delay(grace, undefined, { signal: over.signal }).then(stop, () => undefined);
    }
  };

  const command = qemuArguments(request);
  const privileges = await withoutPrivileges();
  using console = await ConsolePipe.open(`${request.consolePath}.pipe`, take);
  const handles = await openFiles(request.files);
  const file = new BoundedFile(request.consolePath, HALF_CONSOLE);
  const child = startProcess({ program: arch.qemu, args: command, privileges }, [
    ...(['pipe', console.writing, 'pipe', 'pipe'] as const),
    ...handles.map(({ fd }) => fd),
  ]);
  console.handedOver();
  const closed = once(child, 'close') as Promise<[number | null]>;
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  const monitor = new Monitor(child.stdio[MONITOR_FD] as Duplex);
  // A guest that is gone takes no sysrq.
  child.stdin?.on('error', () => undefined);
  child.stderr?.on('data', (chunk: Buffer) => (words = (words + chunk.toString('utf8')).slice(-4096)));
  const watch = async () => {
    while (elapsed() < limit.at && !reader.over)
      await delay(limit.at - elapsed(), undefined, { signal: over.signal });
    // It may just have spoken.
    console.drain();
    if (reader.over) return;
    end = 'timed-out';
    if (child.stdin === null) return;
    const guest = { monitor, serial: child.stdin, said: () => afterwards };
    dump = await dumpHang({ ...guest, resolve: reader.moved(await symbols()) });
  };
  // What goes wrong in it costs the dump alone; after an end it is no more waited for.
  const watched = watch().then(
    () => (end === 'timed-out' ? stop() : undefined),
    () => (end === 'timed-out' ? stop() : undefined),
  );

  try {
    // The guest has inherited them.
    for (const handle of handles) await handle.close();
    const [status] = await closed;
    console.drain();
    over.abort();
    await watched;
    if (signal.aborted) throw new KbisectError('cancelled', 'the boot was cancelled');
    if (status !== null && status !== 0 && size === 0) {
      throw new KbisectError(
        'command-failed',
        `${arch.qemu} cannot start (status ${status}): ${words.trim()}`,
      );
    }
    const resolve = reader.reported ? await symbols() : () => undefined;
    const outcome = outcomeOf(end, reader.facts(resolve), dump);
    return { outcome, end, seconds: elapsed() / 1000, command };
  } finally {
    over.abort();
    signal.removeEventListener('abort', stop);
    stop();
    await file.end();
  }
}

/** The arguments of QEMU for a boot, which opens its files by the descriptors that it inherits. */
export function qemuArguments({
  arch,
  accelerator,
  machine,
  files,
}: Pick<BootRequest, 'arch' | 'accelerator' | 'machine' | 'files'>): string[] {
  const name = (n: number) => `/proc/self/fd/${FIRST_FILE_FD + n}`;
  const disk = files.disk && { path: name(2), format: files.disk.format };
  const inherited = { image: name(0), initramfs: name(1), ...(disk === undefined ? {} : { disk }) };
  const append = commandLine(arch, machine);
  return [
    ...SERIAL,
    ...monitorArguments(MONITOR_FD),
    ...machineArguments(arch, accelerator, machine, inherited, append),
  ];
}

/** The guest's files, opened here: QEMU runs as a user who may not look into the agent's directory. */
async function openFiles({ image, initramfs, disk }: GuestFiles): Promise<FileHandle[]> {
  const handles: FileHandle[] = [];
  try {
    for (const path of [image, initramfs, ...(disk === undefined ? [] : [disk.path])]) {
      const handle = await open(path);
      handles.push(handle);
      // QEMU opens the descriptor's file anew, as itself.
      if (process.getuid?.() === 0) await handle.chmod(0o644);
    }
    return handles;
  } catch (error) {
    for (const handle of handles) await handle.close();
    throw new KbisectError('command-failed', `a file of the guest cannot be opened: ${messageOf(error)}`);
  }
}
