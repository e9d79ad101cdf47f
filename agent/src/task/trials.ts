import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { BlobRef, BootTest } from '@kbisect/shared/gen/kbisect/v1/job';
import { Progress_Phase, type Task, type TrialResult } from '@kbisect/shared/gen/kbisect/v1/session';
import { Pattern } from '@kbisect/shared/pattern';
import { checkQemuArgs } from '@kbisect/shared/qemu-args';
import type { Accelerator, Arch } from '../boot/arch.js';
import { SMALL_MACHINE, type GuestFiles, type Machine } from '../boot/machine.js';
import { boot } from '../boot/qemu.js';
import { SymbolMap } from '../boot/symbol-map.js';
import type { Resolve } from '../boot/trace.js';
import { writeTrialInitramfs } from '../initramfs/trial.js';
import type { Report } from '../session/session.js';
import type { GuestModules } from './guest-parts.js';
import type { CachedFile } from './initramfs.js';
import type { Slot } from './slot.js';

/** What the trials of a task boot. */
export interface Guest {
  readonly arch: Arch;
  readonly accelerator: Accelerator;
  readonly image: CachedFile;
  readonly initramfs: CachedFile;
  /** The image's `System.map`. */
  readonly symbols: BlobRef | undefined;
  readonly modules: GuestModules;
  readonly disk: GuestFiles['disk'];
}

/**
 * Boots a guest as often as the task asks, several side by side where there are processors for them, and reports each trial
 * as it ends.
 * @throws KbisectError `invalid-argument` for arguments of QEMU that may reach the host; whatever is wrong with this machine
 */
export async function runTrials(
  task: Task,
  test: BootTest,
  guest: Guest,
  slot: Slot,
  report: Report,
  signal: AbortSignal,
): Promise<void> {
  const machine = machineOf(test);
  let next = 0;
  let done = 0;
  report.progress(Progress_Phase.PHASE_BOOT, 0);
  // The others end with the first that fails.
  const failed = new AbortController();
  const either = AbortSignal.any([signal, failed.signal]);
  const worker = async () => {
    while (next < task.trials) {
      const place = join(slot.directory, `trial${next++}`);
      const trial = await oneTrial(task, test, guest, machine, place, slot, report, either);
      report.result({ $case: 'trial', value: trial });
      report.progress(Progress_Phase.PHASE_BOOT, ++done / task.trials);
    }
  };
  const workers = Array.from({ length: sideBySide(machine, task.trials) }, async () => {
    try {
      await worker();
    } catch (error) {
      failed.abort();
      throw error;
    }
  });
  const ends = await Promise.allSettled(workers);
  const trouble = ends.find((end) => end.status === 'rejected');
  if (trouble !== undefined) throw trouble.reason;
}

/** One boot in a directory of its own, its console in the cache. */
async function oneTrial(
  task: Task,
  test: BootTest,
  guest: Guest,
  machine: Machine,
  directory: string,
  slot: Slot,
  report: Report,
  signal: AbortSignal,
): Promise<Omit<TrialResult, 'lease' | 'seq'>> {
  await mkdir(directory, { recursive: true });
  try {
    const nonce = randomBytes(16).toString('hex');
    const settings = {
      nonce,
      timeoutSeconds: task.timeoutSeconds,
      repeat: Math.max(1, test.repeat),
      needs: test.needs,
      modules: guest.modules.paths,
      onDisk: test.disk !== undefined,
    };
    const initramfs = join(directory, 'initramfs');
    await writeTrialInitramfs([guest.initramfs.path, ...guest.modules.archives], settings, initramfs);
    const consolePath = join(directory, 'console');
    const { outcome, seconds, command } = await boot({
      arch: guest.arch,
      accelerator: guest.accelerator,
      machine,
      files: {
        image: guest.image.path,
        initramfs,
        ...(guest.disk === undefined ? {} : { disk: guest.disk }),
      },
      timeoutSeconds: task.timeoutSeconds,
      ...(task.usualSeconds === undefined ? {} : { usualSeconds: task.usualSeconds }),
      nonce,
      ...(task.outputPattern ? { output: new Pattern(task.outputPattern) } : {}),
      consolePath,
      symbols: () => symbolsOf(guest, slot, join(directory, 'System.map'), signal),
      signal,
      onConsole: (chunk) => report.console(chunk),
    });
    return {
      commit: task.commit,
      outcome,
      console: await slot.artifacts.upload(consolePath, signal),
      seconds,
      image: guest.image.blob.digest,
      initramfs: guest.initramfs.blob.digest,
      initramfsBlob: guest.initramfs.blob,
      machine: { accelerator: guest.accelerator, arguments: [guest.arch.qemu, ...command] },
    };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** The names of the image's functions, which a kernel without them in it needs to be understood. */
async function symbolsOf(
  { symbols }: Guest,
  slot: Slot,
  path: string,
  signal: AbortSignal,
): Promise<Resolve> {
  if (symbols === undefined) return () => undefined;
  await slot.artifacts.download(symbols, path, signal);
  const map = new SymbolMap(await readFile(path, 'latin1'));
  return (address) => map.nameOf(address);
}

function machineOf(test: BootTest): Machine {
  checkQemuArgs(test.qemuArgs);
  return {
    memoryMib: test.memoryMib || SMALL_MACHINE.memoryMib,
    smp: test.smp || SMALL_MACHINE.smp,
    qemuArgs: test.qemuArgs,
    append: test.append,
    userNetwork: test.userNetwork,
  };
}

/** So many boots of a machine this host runs at once without that one slows the other. */
function sideBySide({ smp }: Machine, trials: number): number {
  return Math.max(1, Math.min(trials, Math.floor(availableParallelism() / smp)));
}
