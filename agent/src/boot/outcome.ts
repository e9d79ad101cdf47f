import type { Outcome } from '@kbisect/shared/gen/kbisect/v1/job';
import type { ConsoleFacts } from './console.js';

/** How a guest came to its end. */
export type BootEnd =
  /** The harness had spoken; the guest ended by itself or was ended. */
  | 'spoken'
  /** QEMU ended before the harness had said its last word. */
  | 'exited'
  /** The time was over. */
  | 'timed-out'
  /** The console was longer than any test needs. */
  | 'flooded';

/**
 * What a boot's console and end mean. A crash outweighs what the harness said, before and after it: a kernel that has
 * oopsed can say anything. A guest that ends without a word or a crash has rebooted by itself.
 */
export function outcomeOf(end: BootEnd, { marker, crash, lastLines }: ConsoleFacts): Outcome {
  if (crash !== undefined) return { kind: { $case: 'crash', value: { signature: crash } } };
  switch (marker?.kind) {
    case 'pass':
      return { kind: { $case: 'pass', value: {} } };
    case 'fail':
      return { kind: { $case: 'fail', value: {} } };
    case 'harness-broken':
      return { kind: { $case: 'harnessBroken', value: { reason: marker.reason } } };
    case 'environment-missing':
      return { kind: { $case: 'environmentMissing', value: { what: marker.reason } } };
    case 'timeout':
      return { kind: { $case: 'hang', value: { lastLines } } };
    case 'ready':
    case undefined:
      break;
  }
  switch (end) {
    case 'exited': {
      const when = marker === undefined ? 'before the test began' : 'during the test';
      return { kind: { $case: 'crash', value: { signature: `reboot ${when}` } } };
    }
    case 'spoken':
    case 'timed-out':
    case 'flooded':
      return { kind: { $case: 'hang', value: { lastLines } } };
  }
}
