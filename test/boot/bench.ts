/**
 * What the agent adds to a boot: `npm run bench:boot -- [IMAGE]`. A trial, from image in hand to verdict, against the bare QEMU
 * command (`qemu-system-x86_64 ... -serial stdio > console`), in turns, medians of 20; four repeats side by side against one.
 * Without an image the miniature kernel is built and booted.
 */
import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { archOf } from '@kbisect/agent/boot/arch';
import { commandLine, machineArguments, SMALL_MACHINE } from '@kbisect/agent/boot/machine';
import { probeAccelerator } from '@kbisect/agent/boot/probe';
import { boot } from '@kbisect/agent/boot/qemu';
import { configure } from '@kbisect/agent/build/configure';
import { buildKernel } from '@kbisect/agent/build/kbuild';
import { packInitramfs } from '@kbisect/agent/initramfs/pack';
import { writeTrialInitramfs } from '@kbisect/agent/initramfs/trial';
import { workbench } from '../fixtures/workbench.js';
/** In the sources; this program runs in test/dist/boot. */
const tinyKernel = join(import.meta.dirname, '../../fixtures/tiny-kernel');

const RUNS = 20;
const SINGLE_LIMIT = 1.05;
const FOUR_LIMIT = 2.5;
const NONCE = 'bench';
const signal = new AbortController().signal;
const arch = archOf('x86_64');
if (arch === undefined) throw new Error('x86_64 is not known');

const directory = await mkdtemp(join(tmpdir(), 'kbisect-bench-'));
try {
  const image = process.argv[2] ?? (await buildTiny(join(directory, 'tree')));
  const accelerator = await probeAccelerator(arch, signal);
  if (accelerator === undefined) throw new Error('no guest runs on this machine');
  const packed = await pack();

  const settings = { nonce: NONCE, timeoutSeconds: 60, repeat: 1, needs: [], modules: [], onDisk: false };
  // As the agent: in a directory of its own.
  const trial = async () => {
    const place = await mkdtemp(join(directory, 'trial-'));
    const initramfs = join(place, 'initramfs');
    await writeTrialInitramfs([packed], settings, initramfs);
    const { outcome } = await boot({
      arch,
      accelerator,
      machine: SMALL_MACHINE,
      files: { image, initramfs },
      timeoutSeconds: 60,
      nonce: NONCE,
      consolePath: join(place, 'console'),
      signal,
      onConsole: () => undefined,
    });
    if (outcome.kind?.$case !== 'pass')
      throw new Error(`the trial shows ${outcome.kind?.$case ?? 'nothing'}`);
  };
  const files = { image, initramfs: join(directory, 'initramfs') };
  await writeTrialInitramfs([packed], settings, files.initramfs);
  const bare = async () => {
    const append = commandLine(arch, SMALL_MACHINE);
    const args = ['-serial', 'stdio', ...machineArguments(arch, accelerator, SMALL_MACHINE, files, append)];
    const console = await open(join(directory, 'console'), 'w');
    const child = spawn(arch.qemu, args, { stdio: ['ignore', console.fd, 'inherit'] });
    await once(child, 'close');
    await console.close();
  };
  const four = async () => {
    let left = 4;
    const worker = async () => {
      while (left-- > 0) await trial();
    };
    await Promise.all(Array.from({ length: Math.min(4, availableParallelism()) }, worker));
  };

  await trial();
  await bare();
  const times = { bare: [] as number[], trial: [] as number[], four: [] as number[] };
  for (let run = 0; run < RUNS; run++) {
    // Now one first, now the other, as what comes second may find warmer caches.
    if (run % 2 === 0) times.bare.push(await timed(bare));
    times.trial.push(await timed(trial));
    if (run % 2 === 1) times.bare.push(await timed(bare));
    if (run % 4 === 0) times.four.push(await timed(four));
  }
  const [one, own, many] = [median(times.bare), median(times.trial), median(times.four)];
  const line = (what: string, ms: number) =>
    process.stdout.write(`${what.padEnd(34)}${ms.toFixed(0).padStart(7)} ms\n`);
  process.stdout.write(
    `${cpus()[0]?.model ?? 'a processor'}, ${availableParallelism()} cores, ${accelerator}\n`,
  );
  line('bare QEMU command', one);
  line('trial, image in hand to verdict', own);
  line('four trials side by side', many);
  const ratios = { single: own / one, four: many / own };
  process.stdout.write(
    `trial / bare ${ratios.single.toFixed(3)} (at most ${SINGLE_LIMIT}); four / one ${ratios.four.toFixed(2)} (at most ${FOUR_LIMIT})\n`,
  );
  process.exitCode = ratios.single <= SINGLE_LIMIT && ratios.four <= FOUR_LIMIT ? 0 : 1;
} finally {
  await rm(directory, { recursive: true, force: true });
}

async function timed(work: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? NaN;
}

async function buildTiny(tree: string): Promise<string> {
  if (arch === undefined) throw new Error('x86_64 is not known');
  await cp(tinyKernel, tree, { recursive: true });
  const bench = await workbench(tree, arch.name);
  await configure({ bench, base: undefined, profile: undefined, fragments: [], signal });
  const built = await buildKernel({
    bench,
    target: arch.target,
    jobs: availableParallelism(),
    logPath: join(tree, 'build.log'),
    signal,
    onProgress: () => undefined,
  });
  if (built.kind === 'failed') throw new Error(built.firstError);
  return join(tree, arch.image);
}

/** A reproducer that passes at once. */
async function pack(): Promise<string> {
  if (arch === undefined) throw new Error('x86_64 is not known');
  const place = join(directory, 'reproducer');
  await mkdir(place);
  await writeFile(
    join(place, 'pass.c'),
    '#include "boot-test.h"\nenum test_result do_test(void) { return TEST_PASS; }\n',
  );
  const packing = { kind: 'c', entry: 'pass.c', sources: [], files: [], system: [] } as const;
  const places = { directory: place, system: join(directory, 'none'), initramfs: undefined };
  const packed = join(directory, 'packed');
  await packInitramfs(
    arch,
    { ...packing, initramfs: undefined, onDisk: false },
    places,
    directory,
    packed,
    signal,
  );
  return packed;
}
