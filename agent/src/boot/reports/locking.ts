import { fileName } from '../signature.js';
import { matched, part, plain, type ReportPattern } from '../report.js';

/** What lockdep and its like complain of, after `WARNING: ` or, on older kernels, between brackets after `INFO: `. */
const COMPLAINTS = [
  'possible circular locking dependency detected',
  'possible recursive locking detected',
  'possible irq lock inversion dependency detected',
  'inconsistent lock state',
  'bad unlock balance detected',
  'bad contention detected',
  'held lock freed',
  'lock held when returning to user space',
  'Nested lock was not taken',
  'Invalid wait context',
  'suspicious RCU usage',
];

function lockdep(complaint: string): ReportPattern[] {
  const title = `WARNING: ${complaint}`;
  return [
    plain(`WARNING: ${complaint}`, title, false, 'caller'),
    plain(`[ BUG: ${complaint}`, title, false, 'caller'),
    plain(`[ INFO: ${complaint}`, title, false, 'caller'),
    plain(`INFO: ${complaint}`, title, false, 'caller'),
  ];
}

const IRQ_ORDER = /(?:INFO|WARNING): (\S{1,30})-safe -> (\S{1,30})-unsafe lock order detected/;
const irqOrder = (starts: string) =>
  matched(
    starts,
    IRQ_ORDER,
    (found) => ({ title: `WARNING: ${part(found)}-safe -> ${part(found, 2)}-unsafe lock order detected` }),
    false,
    'caller',
  );

/** Lockdep, and what else is said of locks and of sleep where there must be none. */
export const LOCKING: readonly ReportPattern[] = [
  ...COMPLAINTS.flatMap(lockdep),
  plain('[ BUG: Invalid wait context ]', 'WARNING: Invalid wait context', false, 'caller'),
  irqOrder('WARNING: '),
  irqOrder('[ INFO: '),
  plain(
    'INFO: trying to register non-static key',
    'INFO: trying to register non-static key',
    false,
    'caller',
  ),
  matched(
    'BUG: sleeping function called from invalid context',
    /^BUG: sleeping function called from invalid context(?: at ([^\s:]{1,200}:\d{1,7}))?/,
    (found) => ({
      title: 'BUG: sleeping function called from invalid context',
      ...(found[1] === undefined ? {} : { file: fileName(part(found)) }),
    }),
    true,
    'caller',
  ),
  plain('BUG: scheduling while atomic', 'BUG: scheduling while atomic', true, 'caller'),
  matched(
    'BUG: using ',
    /^BUG: using (\w{1,60})(?:\(\))? in preemptible/,
    (found) => ({ title: `BUG: using ${part(found)} in preemptible code` }),
    true,
    'caller',
  ),
  matched(
    'BUG: ',
    /^BUG: ((?:spin|rw)lock (?:bad magic|recursion|already unlocked|wrong owner|wrong CPU|cpu recursion|lockup suspected|lockup))/,
    (found) => ({ title: `BUG: ${part(found)}` }),
    true,
    'caller',
  ),
];
