import { KbisectError } from '@kbisect/shared/errors';
import { ExitStatus } from './exit-status.js';

/**
 * A signal that is aborted by Ctrl-C, a `kill`, or a terminal that goes away; the second time the process ends at once,
 * and the kernel ends its children with it.
 */
export function interruption(): AbortSignal {
  const controller = new AbortController();
  const interrupt = () => {
    if (controller.signal.aborted) process.exit(ExitStatus.Failed);
    controller.abort(new KbisectError('cancelled', 'interrupted'));
  };
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, interrupt);
  return controller.signal;
}
