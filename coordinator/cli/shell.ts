import { once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { archOf } from '@kbisect/agent/boot/arch';
import { machineArguments, SMALL_MACHINE } from '@kbisect/agent/boot/machine';
import { withoutPrivileges } from '@kbisect/agent/boot/privileges';
import { probeAccelerator } from '@kbisect/agent/boot/probe';
import { applets, readBusybox } from '@kbisect/agent/initramfs/busybox';
import { writeCpio } from '@kbisect/agent/initramfs/cpio';
import { systemClock } from '@kbisect/shared/clock';
import { KbisectError } from '@kbisect/shared/errors';
import type { GetConsoleResponse } from '@kbisect/shared/gen/kbisect/v1/farm';
import type { BlobRef, BootTest } from '@kbisect/shared/gen/kbisect/v1/job';
import { shortId } from '@kbisect/shared/ids';
import { startProcess } from '@kbisect/shared/process';
import { withConnection, type Connection } from './connection.js';
import { ExitStatus } from './exit-status.js';
import { interruption } from './interruption.js';
import { saveBlob } from './save-blob.js';
import { watchJob } from './watch-job.js';

/** In which a job that still runs has told all of its past. */
const PAST_MS = 5000;

/**
 * PID 1 of the guest: a shell on the console, and the end of the machine when it is left. With QEMU's -no-reboot a reset ends
 * it; without ACPI a power-off would only halt.
 */
const INIT = `#!/bin/busybox sh
busybox mount -t devtmpfs dev /dev
busybox mount -t proc proc /proc
busybox mount -t sysfs sys /sys
busybox mount -t tmpfs tmp /tmp
export PATH=/bin HOME=/tmp
echo "$(uname -r): a shell in the guest; leave it with exit"
setsid cttyhack sh
reboot -f
`;

/** `kbisect shell`: boots the image of a commit that a job has built, with a shell on this terminal. */
export async function shell(coordinator: string, job: string, prefix: string): Promise<ExitStatus> {
  const place = await mkdtemp(join(tmpdir(), 'kbisect-shell-'));
  const signal = interruption();
  try {
    const path = join(place, 'image');
    const test = await withConnection(coordinator, async (connection) => {
      const { commit } = await connection.call<GetConsoleResponse>((...rest) =>
        connection.farm.getConsole({ job, commit: prefix }, ...rest),
      );
      const { image, boot } = await builtImage(connection, job, commit, signal);
      await saveBlob(connection, image, path, signal);
      return boot;
    });
    await boot(path, test, place, signal);
    return ExitStatus.Found;
  } finally {
    await rm(place, { recursive: true, force: true });
  }
}

/** The image of a commit, as far as the job has told it, and the test that it was built for. */
async function builtImage(
  connection: Connection,
  job: string,
  commit: string,
  signal: AbortSignal,
): Promise<{ image: BlobRef; boot: BootTest | undefined }> {
  const patience = AbortSignal.any([signal, AbortSignal.timeout(PAST_MS)]);
  let boot: BootTest | undefined;
  try {
    for await (const message of watchJob(connection.farm, job, systemClock, patience)) {
      const fact = message.$case === 'event' ? message.value.fact : undefined;
      if (fact?.$case === 'submitted' && fact.value.spec?.test?.$case === 'boot')
        boot = fact.value.spec.test.value;
      if (fact?.$case !== 'built' || fact.value.commit !== commit) continue;
      if (fact.value.image !== undefined) return { image: fact.value.image, boot };
    }
  } catch (error) {
    signal.throwIfAborted();
    if (!patience.aborted) throw error;
  }
  throw new KbisectError(
    'not-found',
    `job ${job} has no image of ${shortId(commit)}: it was not built, or could not be`,
  );
}

async function boot(
  image: string,
  test: BootTest | undefined,
  place: string,
  signal: AbortSignal,
): Promise<void> {
  const arch = archOf(test?.arch ?? 'x86_64');
  const accelerator = arch && (await probeAccelerator(arch, signal));
  if (arch === undefined || accelerator === undefined) {
    throw new KbisectError('missing-tool', `QEMU cannot run ${test?.arch ?? ''} here; see kbisect doctor`);
  }
  const initramfs = join(place, 'initramfs');
  const file = (path: string, bytes: Uint8Array) =>
    ({ kind: 'file', path, executable: true, bytes }) as const;
  const archive = writeCpio([
    ...['bin', 'dev', 'proc', 'sys', 'tmp'].map((path) => ({ kind: 'directory', path }) as const),
    file('bin/busybox', await readBusybox(arch)),
    ...(await applets()).map((name) => ({ kind: 'link', path: `bin/${name}`, target: 'busybox' }) as const),
    file('init', Buffer.from(INIT)),
  ]);
  await writeFile(initramfs, archive);
  // QEMU has no more rights than it needs, here as on an agent.
  await chmod(place, 0o711);
  const machine = { ...SMALL_MACHINE, ...(test && test.memoryMib > 0 ? { memoryMib: test.memoryMib } : {}) };
  const append = `console=${arch.console} panic=-1 quiet rdinit=/init ${test?.append ?? ''}`.trim();
  const qemu = startProcess(
    {
      program: arch.qemu,
      args: [
        '-serial',
        'mon:stdio',
        ...machineArguments(arch, accelerator, machine, { image, initramfs }, append),
      ],
      privileges: await withoutPrivileges(),
    },
    ['inherit', 'inherit', 'inherit'],
  );
  const [status] = (await once(qemu, 'exit', { signal })) as [number | null];
  if (status !== 0)
    throw new KbisectError('command-failed', `${arch.qemu} ended with status ${String(status)}`);
}
