import type { Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { Monitor } from './monitor.js';
import type { Resolve } from './trace.js';

const ANSWER_MS = 1000;
/** How long the kernel may take to answer a sysrq. */
const SYSRQ_MS = 1500;
const MAX_DUMP = 32 * 1024;

/** A guest that hangs, as far as it can still be asked. */
export interface HungGuest {
  readonly monitor: Monitor;
  /** The guest's serial port. */
  readonly serial: Writable;
  /** What the guest has said since it was asked. */
  readonly said: () => string;
  readonly resolve: Resolve;
}

/**
 * Where a hung guest is: each CPU's instruction pointer, which QEMU knows however dead the guest is, and what the kernel
 * says to the sysrqs w (blocked tasks) and l (all CPUs), which a break on the serial port makes of the letters.
 */
export async function dumpHang({ monitor, serial, said, resolve }: HungGuest): Promise<string> {
  const cpus = instructionPointers(await monitor.ask('info registers -a', ANSWER_MS)).map((address, n) =>
    `CPU ${n} is at ${address} ${resolve(address) ?? ''}`.trimEnd(),
  );
  for (const letter of ['w', 'l']) {
    await monitor.ask('chardev-send-break serial', ANSWER_MS);
    serial.write(letter);
    await delay(SYSRQ_MS / 2);
  }
  return [...cpus, said()].join('\n').slice(0, MAX_DUMP).trim();
}

/** The program counters in the monitor's words, which differ from one architecture to the next. */
export function instructionPointers(registers: string): string[] {
  return [...registers.matchAll(/\b[RE]IP=([0-9a-f]{8,16})\b|\bPC=([0-9a-f]{16})\b/g)].map(
    (found) => `0x${found[1] ?? found[2] ?? ''}`,
  );
}
