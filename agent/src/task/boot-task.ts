import { KbisectError } from '@kbisect/shared/errors';
import type { BootTest } from '@kbisect/shared/gen/kbisect/v1/job';
import { Progress_Phase, type Task } from '@kbisect/shared/gen/kbisect/v1/session';
import { chooseToolchain, parseToolchainRule } from '@kbisect/shared/toolchain-rule';
import { archOf } from '../boot/arch.js';
import type { Report, TaskEnd } from '../session/session.js';
import type { BootMeans } from './boot-means.js';
import { guestDisk, guestModules } from './guest-parts.js';
import { buildOrFetchImage } from './image.js';
import { packOrFetchInitramfs } from './initramfs.js';
import { runTrials } from './trials.js';

/**
 * Tests a commit: packs the reproducer, builds the kernel or takes its image from the cache, boots it as often as asked.
 * What is wrong with the job (a reproducer that does not compile, a symbol that cannot be set) refuses the task.
 */
export async function bootTask(
  task: Task,
  test: BootTest,
  means: BootMeans,
  gitUrl: string,
  report: Report,
  signal: AbortSignal,
): Promise<TaskEnd> {
  const arch = archOf(test.arch);
  const accelerator = means.accelerators.get(test.arch);
  if (arch === undefined || accelerator === undefined)
    return {
      $case: 'failed',
      value: { reason: `this agent cannot build and boot ${test.arch}`, unfit: false },
    };
  const toolchain = chooseToolchain(parseToolchainRule(test.toolchain ?? ''), test.arch, means.toolchains);
  if (toolchain === undefined)
    return {
      $case: 'failed',
      value: { reason: `this agent has no ${test.toolchain ?? 'gcc'} for ${test.arch}`, unfit: false },
    };
  const { commit } = task;
  try {
    // The reproducer first: no kernel is built for one that does not compile.
    report.progress(Progress_Phase.PHASE_PACK, 0);
    const initramfs = await packOrFetchInitramfs(test, arch, means.slot, signal);
    const built = await buildOrFetchImage(task, test, arch, toolchain, means, gitUrl, report, signal);
    const { image, symbols, modules: builtModules, ...rest } = built;
    report.result({ $case: 'build', value: { commit, image: image?.blob, ...rest } });
    if (image === undefined || task.audit === true) return { $case: 'done', value: {} };

    const modules = await guestModules(builtModules, means.slot);
    const disk = await guestDisk(test, means.slot, signal);
    const guest = { arch, accelerator, image, initramfs, symbols, modules, disk };
    await runTrials(task, test, guest, means.slot, report, signal);
    return { $case: 'done', value: {} };
  } catch (error) {
    if (error instanceof KbisectError && error.code === 'invalid-argument') {
      return { $case: 'refused', value: { reason: error.message } };
    }
    throw error;
  }
}
