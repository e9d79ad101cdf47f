import { open } from 'node:fs/promises';
import { DISK_HEADER, diskFormat } from '@kbisect/shared/disk-image';
import { KbisectError } from '@kbisect/shared/errors';
import type { BootTest } from '@kbisect/shared/gen/kbisect/v1/job';
import { nameUserFile, type Upload } from './user-file.js';

const MAX_INITRAMFS = 512 * 1024 * 1024;
const MAX_DISK = 8 * 1024 * 1024 * 1024;

/** The options that say what guest a kernel is booted in. */
export interface GuestOptions {
  readonly initramfs?: string;
  readonly disk?: string;
  readonly module?: readonly string[];
  readonly needs?: readonly string[];
  readonly repeat?: number;
  /** In MiB. */
  readonly memory?: number;
  readonly smp?: number;
  readonly qemuArg?: readonly string[];
  readonly append?: string;
  readonly network?: boolean;
}

/** The options of a guest that were given, as the user writes them. */
export function guestOptionsGiven(options: GuestOptions): string[] {
  const names = [
    ['initramfs', '--initramfs'],
    ['disk', '--disk'],
    ['module', '--module'],
    ['needs', '--needs'],
    ['repeat', '--repeat'],
    ['memory', '--memory'],
    ['smp', '--smp'],
    ['qemuArg', '--qemu-arg'],
    ['append', '--append'],
    ['network', '--network'],
  ] as const;
  return names.filter(([name]) => options[name] !== undefined).map(([, option]) => option);
}

/** The guest of each trial, and the files that it takes. @throws KbisectError `invalid-argument` */
export async function guestOf(
  options: GuestOptions,
): Promise<{ guest: Partial<BootTest>; uploads: readonly Upload[] }> {
  const initramfs =
    options.initramfs === undefined
      ? undefined
      : await nameUserFile('--initramfs', options.initramfs, MAX_INITRAMFS);
  const disk = options.disk === undefined ? undefined : await nameDisk(options.disk);
  for (const module of options.module ?? []) {
    if (!/^[A-Za-z0-9._+@-]+(\/[A-Za-z0-9._+@-]+)*\.ko$/.test(module)) {
      throw new KbisectError(
        'invalid-argument',
        `--module ${module}: it is the path in the tree of what the build makes, like drivers/scsi/scsi_debug.ko`,
      );
    }
  }
  const guest = {
    memoryMib: options.memory ?? 0,
    smp: options.smp ?? 0,
    qemuArgs: [...(options.qemuArg ?? [])],
    append: options.append ?? '',
    needs: [...(options.needs ?? [])],
    repeat: options.repeat ?? 0,
    modules: [...(options.module ?? [])],
    initramfs: initramfs?.named,
    disk: disk?.named,
    userNetwork: options.network === true,
  };
  return { guest, uploads: [initramfs, disk].filter((upload) => upload !== undefined) };
}

async function nameDisk(path: string): Promise<Upload> {
  const upload = await nameUserFile('--disk', path, MAX_DISK);
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(DISK_HEADER), 0, DISK_HEADER, 0);
    diskFormat(buffer.subarray(0, bytesRead));
  } finally {
    await file.close();
  }
  return upload;
}
