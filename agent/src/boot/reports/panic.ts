import { matched, part, type Found, type ReportPattern } from '../report.js';

/** The first sentence: what follows is advice. */
function panic(found: RegExpExecArray): Found {
  const text = part(found).split(/\. {1,2}(?=[A-Z])/)[0] ?? '';
  const corrupted = /^(stack-protector: .{0,60}?) in:? ([\w.$]{1,200})/.exec(text);
  if (corrupted !== null) return { title: `panic: ${part(corrupted)}`, symbol: part(corrupted, 2) };
  const init = /^Attempted to kill init!/.exec(text);
  return { title: `panic: ${init === null ? text : text.replace(/\s{0,2}exitcode=.{0,20}$/, '')}` };
}

/** The kernel gives up: no init, no root, a panic by its own decision. */
export const PANIC: readonly ReportPattern[] = [
  matched('Kernel panic - not syncing: ', /^Kernel panic - not syncing: (.{0,300})/, panic, true, 'title'),
  matched('Kernel panic', /^Kernel panic/, () => ({ title: 'panic' }), true, 'title'),
];

/** A panic that only follows from a complaint before it, as the command line asked for. */
export const FOLLOWS_A_WARNING = /^Kernel panic - not syncing: .{0,40}panic_on_warn set/;
