import { join } from 'node:path';
import type { RunTest } from '@kbisect/shared/gen/kbisect/v1/job';
import { Progress_Phase, type Task } from '@kbisect/shared/gen/kbisect/v1/session';
import { commitId } from '@kbisect/shared/ids';
import { CommandAbort, runCommand } from '../build/command.js';
import type { Report, TaskEnd } from '../session/session.js';
import type { Slot } from './slot.js';

/** Tests a commit with a command in its checkout, as `git bisect run` does. */
export async function runTask(
  task: Task,
  test: RunTest,
  slot: Slot,
  gitUrl: string,
  report: Report,
  signal: AbortSignal,
): Promise<TaskEnd> {
  const commit = commitId(task.commit);
  report.progress(Progress_Phase.PHASE_FETCH, 0);
  await slot.mirror.fetchCommit(gitUrl, commit, signal);
  report.progress(Progress_Phase.PHASE_CHECKOUT, 0);
  await slot.worktree.checkout(commit, signal);
  if (task.clean === true) await slot.worktree.clean(signal);
  for (let trial = 0; trial < task.trials; trial++) {
    report.progress(Progress_Phase.PHASE_RUN, trial / task.trials);
    const consolePath = join(slot.directory, 'console');
    const started = performance.now();
    try {
      const outcome = await runCommand({
        command: test.command,
        tree: slot.worktree.directory,
        timeoutSeconds: task.timeoutSeconds,
        consolePath,
        signal,
        onOutput: (chunk) => report.console(chunk),
      });
      const seconds = (performance.now() - started) / 1000;
      const console = await slot.artifacts.upload(consolePath, signal);
      report.result({
        $case: 'trial',
        value: { commit, outcome, console, seconds, image: '', initramfs: '' },
      });
    } catch (error) {
      if (error instanceof CommandAbort) return { $case: 'refused', value: { reason: error.message } };
      throw error;
    }
  }
  return { $case: 'done', value: {} };
}
