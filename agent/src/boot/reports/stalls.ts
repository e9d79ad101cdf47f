import { matched, plain, type ReportPattern } from '../report.js';

const RCU_STALL = 'INFO: rcu detected stall';
const HARD_LOCKUP = 'watchdog: hard LOCKUP';

const rcu = (starts: string) =>
  matched(
    starts,
    /INFO: rcu\w{0,30} (?:self-)?detected (?:expedited )?stalls? on/,
    () => ({ title: RCU_STALL }),
    true,
    'busy-with',
  );

/** CPUs and tasks that do not get on. */
export const STALLS: readonly ReportPattern[] = [
  plain('watchdog: BUG: soft lockup', 'BUG: soft lockup', true, 'busy-with'),
  plain('NMI watchdog: BUG: soft lockup', 'BUG: soft lockup', true, 'busy-with'),
  plain('BUG: soft lockup', 'BUG: soft lockup', true, 'busy-with'),
  plain('watchdog: Watchdog detected hard LOCKUP', HARD_LOCKUP, true, 'busy-with'),
  plain('NMI watchdog: Watchdog detected hard LOCKUP', HARD_LOCKUP, true, 'busy-with'),
  plain('Watchdog detected hard LOCKUP', HARD_LOCKUP, true, 'busy-with'),
  rcu('rcu: INFO: rcu'),
  rcu('INFO: rcu'),
  matched(
    'INFO: task ',
    /^INFO: task .{1,80} blocked (?:in I\/O wait )?for more than \d{1,10} seconds/,
    () => ({ title: 'INFO: task hung' }),
    true,
    'caller',
  ),
  plain('BUG: workqueue lockup', 'BUG: workqueue lockup', true, 'title'),
  plain('BUG: workqueue leaked', 'BUG: workqueue leaked lock or atomic', true, 'title'),
];
