import { matched, part, plain, type ReportPattern } from '../report.js';

const NULL_POINTER = 'BUG: kernel NULL pointer dereference';
const PAGE_FAULT = 'BUG: unable to handle page fault';

/** Exceptions that the kernel did not expect, on x86, by the names of its vectors. */
const X86_EXCEPTIONS = ['divide error', 'invalid opcode', 'stack segment', 'double fault', 'int3', 'bounds'];

const exceptions = X86_EXCEPTIONS.flatMap((name) => [
  matched(`${name}: `, /^[a-z0-9 ]+: [0-9a-f]{4} \[#/, () => ({ title: name }), true, 'instruction'),
  matched(
    `Oops: ${name}: `,
    /^Oops: [a-z0-9 ]+: [0-9a-f]{4} \[#/,
    () => ({ title: name }),
    true,
    'instruction',
  ),
]);

/** arm64's words for faults of an address; what they say of it is the title. */
const ARM64_FAULT =
  /^Unable to handle kernel (NULL pointer dereference|paging request|execution of user memory|execute from non-executable memory|write to read-only memory|read from unreadable memory|access to user memory outside uaccess routines)/;

/** Faults of an address and unexpected exceptions: page tables, non-canonical addresses, NULL. */
export const OOPS: readonly ReportPattern[] = [
  plain('BUG: kernel NULL pointer dereference', NULL_POINTER, true, 'instruction'),
  plain('BUG: unable to handle kernel NULL pointer', NULL_POINTER, true, 'instruction'),
  plain('BUG: unable to handle page fault', PAGE_FAULT, true, 'instruction'),
  plain('BUG: unable to handle kernel paging request', PAGE_FAULT, true, 'instruction'),
  plain('general protection fault', 'general protection fault', true, 'instruction'),
  plain('Oops: general protection fault', 'general protection fault', true, 'instruction'),
  ...exceptions,
  matched(
    'BUG: ',
    /^BUG: (?:TASK |IRQ |[#A-Z]+ )?stack guard page was hit/,
    () => ({ title: 'BUG: stack guard page was hit' }),
    true,
    'instruction',
  ),
  matched(
    'kernel stack overflow (',
    /^kernel stack overflow \((.{1,40})\)/,
    () => ({ title: 'kernel stack overflow' }),
    true,
    'instruction',
  ),
  plain('PANIC: double fault', 'double fault', true, 'instruction'),
  plain('traps: PANIC: double fault', 'double fault', true, 'instruction'),
  plain('Insufficient stack space to handle exception!', 'kernel stack overflow', true, 'instruction'),
  matched(
    'Unable to handle kernel ',
    ARM64_FAULT,
    (found) => ({ title: `Unable to handle kernel ${part(found)}` }),
    true,
    'instruction',
  ),
  matched(
    'Internal error: ',
    /^Internal error: (?:Oops - )?([\w -]{1,60})/,
    (found) => ({ title: `Internal error: ${part(found).replace(/ [0-9a-f]{8,16}$/, '')}` }),
    true,
    'instruction',
  ),
  plain('SError Interrupt on CPU', 'SError interrupt', true, 'instruction'),
  // What is left of an oops whose first line was lost.
  matched('Oops: ', /^Oops: [0-9a-f]{4} \[#/, () => ({ title: 'Oops' }), true, 'instruction'),
];
