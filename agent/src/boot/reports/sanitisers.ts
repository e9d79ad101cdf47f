import { functionName } from '../signature.js';
import { matched, part, type Found, type ReportPattern } from '../report.js';

/** Two functions race in either order. */
function race(found: RegExpExecArray): Found {
  const both = [part(found), part(found, 2)].filter((name) => name !== '').map(functionName);
  return { title: `BUG: KCSAN: data-race in ${[...new Set(both)].sort().join(' / ')}` };
}

/** KASAN, KFENCE, KMSAN, KCSAN, UBSAN. */
export const SANITISERS: readonly ReportPattern[] = [
  matched(
    'BUG: KCSAN: ',
    /^BUG: KCSAN: (?:data-race|assert: race) in ([\w.$]{1,200})(?:\+0x[0-9a-f/x]{1,30})?(?: \/ ([\w.$]{1,200}))?/,
    race,
    false,
    'title',
  ),
  matched(
    'BUG: K',
    /^BUG: (KASAN|KFENCE|KMSAN): ([a-z][\w -]{0,60}?)(?: in ([\w.$]{1,200})(?:\+0x[0-9a-f/x]{1,30})?)?(?: \(.{1,100}\))?$/,
    (found) => ({
      title: `BUG: ${part(found)}: ${part(found, 2)}`,
      ...(found[3] === undefined ? {} : { symbol: found[3] }),
    }),
    true,
    'caller',
  ),
  // A line that was cut.
  matched(
    'BUG: K',
    /^BUG: (KASAN|KFENCE|KMSAN)/,
    (found) => ({ title: `BUG: ${part(found)}` }),
    true,
    'caller',
  ),
  matched(
    'UBSAN: ',
    /^UBSAN: ([\w -]{1,60}?) in ([^\s:]{1,200}:\d{1,7})/,
    (found) => ({ title: `UBSAN: ${part(found)}`, file: part(found, 2) }),
    false,
    'caller',
  ),
  matched(
    'UBSAN: ',
    /^UBSAN: Undefined behaviour in ([^\s:]{1,200}:\d{1,7})/,
    (found) => ({ title: 'UBSAN: undefined behaviour', file: part(found) }),
    false,
    'caller',
  ),
];
