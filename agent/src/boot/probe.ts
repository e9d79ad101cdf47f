import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '@kbisect/shared/process';
import { cpuArguments, type Accelerator, type Arch } from './arch.js';
import { PROBE_GUESTS } from './probe-guest.js';
import { withoutPrivileges } from './privileges.js';

/** A guest that works answers within milliseconds. */
const PROBE_MS = 4000;

/** Whether a guest runs with the accelerator. A device file that opens proves nothing: only a guest that spoke does. */
export async function guestRuns(arch: Arch, accelerator: Accelerator, signal: AbortSignal): Promise<boolean> {
  const guest = PROBE_GUESTS[arch.name];
  if (guest === undefined) return false;
  const directory = await mkdtemp(join(tmpdir(), 'kbisect-probe-'));
  try {
    const path = join(directory, 'guest');
    await writeFile(path, guest.bytes);
    await chmod(directory, 0o755);
    const done = await run({
      program: arch.qemu,
      args: [
        ...['-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none', '-serial', 'stdio'],
        ...['-nic', 'none', '-machine', arch.machine, '-accel', accelerator, '-m', '32M'],
        ...cpuArguments(arch, accelerator),
        ...guest.boot(path),
      ],
      // As the guests of trials run: an accelerator that only root may use is none.
      privileges: await withoutPrivileges(),
      signal,
      timeoutMs: PROBE_MS,
    });
    return done.stdout.toString('latin1').includes('K');
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** The fastest accelerator with which a guest runs on this machine; undefined when not even emulation works. */
export async function probeAccelerator(arch: Arch, signal: AbortSignal): Promise<Accelerator | undefined> {
  for (const accelerator of ['kvm', 'tcg'] as const)
    if (await guestRuns(arch, accelerator, signal)) return accelerator;
  return undefined;
}
