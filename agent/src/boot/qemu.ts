import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { KbisectError } from '@kbisect/shared/errors';
import type { Outcome } from '@kbisect/shared/gen/kbisect/v1/job';
import { killGroup, startProcess } from '@kbisect/shared/process';
import { RDINIT } from '../initramfs/trial.js';
import { cpuArguments, type Accelerator, type Arch } from './arch.js';
import { ConsoleReader } from './console.js';
import { outcomeOf, type BootEnd } from './outcome.js';

const MAX_CONSOLE = 16 * 1024 * 1024;
/** After the harness's last word a guest ends itself at once, or panics; then it is ended. */
const GRACE_MS = 1500;
/** What the guest gets for booting unless the request says otherwise. */
const BOOT_SECONDS = 60;

export interface BootRequest {
  readonly arch: Arch;
  /** Paths of the kernel image and of the trial's initramfs. */
  readonly image: string;
  readonly initramfs: string;
  readonly accelerator: Accelerator;
  /** For the test in the guest. */
  readonly timeoutSeconds: number;
  /** For booting, besides. */
  readonly bootSeconds?: number;
  /** Marks the harness's lines in this boot, as its initramfs has it; letters and digits. */
  readonly nonce: string;
  /** File that takes the console. */
  readonly consolePath: string;
  readonly signal: AbortSignal;
  readonly onConsole: (chunk: Buffer) => void;
}

/** The arguments of QEMU for a boot: a machine with a serial port, and nothing that leads out of it. */
export function qemuArguments(request: Omit<BootRequest, 'consolePath' | 'signal' | 'onConsole'>): string[] {
  const { arch, image, initramfs, accelerator } = request;
  const append = `console=${arch.console} panic=-1 oops=panic rdinit=${RDINIT}`;
  return [
    ...[
      '-nodefaults',
      '-no-user-config',
      '-no-reboot',
      '-display',
      'none',
      '-serial',
      'stdio',
      '-nic',
      'none',
    ],
    ...['-sandbox', 'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny'],
    ...['-machine', arch.machine, ...cpuArguments(arch, accelerator)],
    ...['-accel', accelerator, '-m', '256M', '-kernel', image, '-initrd', initramfs, '-append', append],
  ];
}

/**
 * Boots an image and says what came of it. The machine is ended when the harness has had its last word, when the time is
 * over, or when its console floods.
 * @throws KbisectError `cancelled`; `command-failed` with QEMU's words when it cannot start
 */
export async function boot(request: BootRequest): Promise<{ outcome: Outcome; seconds: number }> {
  const { arch, timeoutSeconds, nonce, consolePath, signal, onConsole } = request;
  signal.throwIfAborted();
  const started = performance.now();
  const child = startProcess({ program: arch.qemu, args: qemuArguments(request) }, [
    'ignore',
    'pipe',
    'pipe',
  ]);
  const closed = once(child, 'close') as Promise<[number | null]>;
  const stop = () => killGroup(child);
  signal.addEventListener('abort', stop, { once: true });

  const reader = new ConsoleReader(nonce);
  const file = createWriteStream(consolePath);
  let size = 0;
  let words = '';
  let end: BootEnd = 'exited';
  const stopAs = (how: BootEnd) => {
    end = how;
    stop();
  };
  const limit = setTimeout(
    () => stopAs('timed-out'),
    ((request.bootSeconds ?? BOOT_SECONDS) + timeoutSeconds) * 1000,
  );
  const over = new AbortController();
  child.stderr?.on('data', (chunk: Buffer) => (words = (words + chunk.toString('utf8')).slice(-4096)));
  child.stdout?.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > MAX_CONSOLE) {
      stopAs(reader.over ? 'spoken' : 'flooded');
      return;
    }
    file.write(chunk);
    onConsole(chunk);
    const before = reader.over;
    reader.take(chunk);
    if (reader.over && !before) {
      end = 'spoken';
      void delay(GRACE_MS, undefined, { signal: over.signal }).then(stop, () => undefined);
    }
  });

  try {
    const [status] = await closed;
    if (signal.aborted) throw new KbisectError('cancelled', 'the boot was cancelled');
    if (status !== null && status !== 0 && size === 0) {
      throw new KbisectError(
        'command-failed',
        `${arch.qemu} cannot start (status ${status}): ${words.trim()}`,
      );
    }
    return { outcome: outcomeOf(end, reader.facts()), seconds: (performance.now() - started) / 1000 };
  } finally {
    clearTimeout(limit);
    over.abort();
    signal.removeEventListener('abort', stop);
    stop();
    file.end();
    await finished(file);
  }
}
