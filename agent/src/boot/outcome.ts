import type { Outcome, Outcome_Crash } from '@kbisect/shared/gen/kbisect/v1/job';
import type { ConsoleFacts } from './console.js';
import type { KernelReport } from './report.js';

/** How a guest came to its end. */
export type BootEnd =
  /** The harness had spoken; the guest ended by itself or was ended. */
  | 'spoken'
  /** QEMU ended before the harness had said its last word. */
  | 'exited'
  /** The time was over. */
  | 'timed-out';

/**
 * What a boot's console and end mean. A crash outweighs what the harness said, before and after it: a kernel that has
 * oopsed can say anything. What the job looks for in the output outweighs both. A guest that ends without a word or a
 * crash has rebooted by itself. What the kernel complained of and went on stands beside the outcome.
 * @param dump where a guest that hangs was, as far as it could be asked
 */
export function outcomeOf(end: BootEnd, facts: ConsoleFacts, dump?: string): Outcome {
  const signatures = facts.warnings.map(({ signature }) => signature);
  const kind = kindOf(end, facts, dump);
  return signatures.length === 0 ? { kind } : { kind, warnings: { signatures } };
}

function kindOf(
  end: BootEnd,
  { marker, crash, matched, lastLines, asked }: ConsoleFacts,
  dump: string | undefined,
): Outcome['kind'] {
  if (matched !== undefined) return { $case: 'outputMatched', value: { line: matched } };
  if (crash !== undefined) return { $case: 'crash', value: crashOf(crash) };
  switch (marker?.kind) {
    case 'pass':
      return { $case: 'pass', value: {} };
    case 'fail':
      return { $case: 'fail', value: {} };
    case 'harness-broken':
      return { $case: 'harnessBroken', value: { reason: marker.reason } };
    case 'environment-missing':
      return { $case: 'environmentMissing', value: { what: marker.reason } };
    case 'timeout':
      return { $case: 'hang', value: { lastLines, ...(asked === undefined ? {} : { dump: asked }) } };
    case 'ready':
    case undefined:
      break;
  }
  switch (end) {
    case 'exited': {
      const when = marker === undefined ? 'before the test began' : 'during the test';
      return { $case: 'crash', value: { signature: `reboot ${when}` } };
    }
    case 'spoken':
    case 'timed-out':
      return { $case: 'hang', value: { lastLines, ...(dump === undefined ? {} : { dump }) } };
  }
}

function crashOf({ signature, function: name, file, taint }: KernelReport): Outcome_Crash {
  return {
    signature,
    ...(name === undefined ? {} : { function: name }),
    ...(file === undefined ? {} : { file }),
    ...(taint === undefined ? {} : { taint }),
  };
}
