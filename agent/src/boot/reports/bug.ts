import { fileName } from '../signature.js';
import { matched, part, type ReportPattern } from '../report.js';

/** `BUG()` and `WARN()`: the source says that this cannot be. */
export const BUG: readonly ReportPattern[] = [
  matched(
    'kernel BUG at ',
    /^kernel BUG at ([^\s!]{1,200}?)(?::(\d{1,7}))?!/,
    (found) => ({
      title: `kernel BUG at ${fileName(part(found))}`,
      file: `${part(found)}:${part(found, 2)}`,
    }),
    true,
    'instruction',
  ),
  matched('kernel BUG at ', /^kernel BUG at/, () => ({ title: 'kernel BUG' }), true, 'instruction'),
  matched(
    'WARNING: CPU: ',
    /^WARNING: CPU: \d{1,5} PID: \d{1,10} at (?:([^\s:]{1,200}):(\d{1,7}) )?([\w.$]{1,200})/,
    (found) => ({
      title: found[1] === undefined ? 'WARNING' : `WARNING at ${fileName(part(found))}`,
      ...(found[1] === undefined ? {} : { file: `${part(found)}:${part(found, 2)}` }),
      symbol: part(found, 3),
    }),
    false,
    'instruction',
  ),
  // Newer kernels say it with the file first, older ones without the CPU.
  matched(
    'WARNING: ',
    /^WARNING: (?:at )?([^\s:]{1,200}\.[chS]):(\d{1,7}) at ([\w.$]{1,200})\+/,
    (found) => ({
      title: `WARNING at ${fileName(part(found))}`,
      file: `${part(found)}:${part(found, 2)}`,
      symbol: part(found, 3),
    }),
    false,
    'instruction',
  ),
];
