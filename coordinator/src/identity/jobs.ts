import type { JobSpec } from '@kbisect/shared/gen/kbisect/v1/job';
import { atLeast, type Principal } from './access.js';

/** Whether this caller may know of a job. A private one is its submitter's, and of those who run the farm. */
export function maySee(caller: Principal, spec: JobSpec): boolean {
  switch (caller.kind) {
    case 'local':
      return true;
    case 'person':
      return !spec.private || spec.submitter === caller.name || atLeast(caller.role, 'operator');
    case 'agent':
    case 'coordinator':
    case 'nobody':
      return false;
  }
}

/** Whether this caller may end a job or otherwise change its course. */
export function mayChange(caller: Principal, spec: JobSpec): boolean {
  if (caller.kind === 'local') return true;
  if (caller.kind !== 'person') return false;
  return spec.submitter === caller.name || atLeast(caller.role, 'operator');
}

/** As whom a job is submitted. */
export function submitterOf(caller: Principal): string {
  return caller.kind === 'person' ? caller.name : '';
}
