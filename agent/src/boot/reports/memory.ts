import { matched, part, plain, type ReportPattern } from '../report.js';

/** What is said of pages, of the slab allocator's objects, and of memory that is not there. */
export const MEMORY: readonly ReportPattern[] = [
  plain('BUG: Bad page state', 'BUG: Bad page state', true, 'caller'),
  plain('BUG: Bad page map', 'BUG: Bad page map', true, 'caller'),
  plain('BUG: Bad page cache', 'BUG: Bad page cache', true, 'caller'),
  plain('BUG: Bad rss-counter state', 'BUG: Bad rss-counter state', true, 'title'),
  plain('BUG: non-zero pgtables_bytes', 'BUG: non-zero pgtables_bytes on freeing mm', true, 'title'),
  matched(
    'BUG ',
    /^BUG ([\w:. -]{1,60}?) \((?:Tainted|Not tainted)[^)]{0,60}\): ([\w ,-]{1,80})/,
    (found) => ({ title: `BUG ${part(found)}: ${part(found, 2)}` }),
    true,
    'caller',
  ),
  // Not of a memory control group: a test may well want that.
  plain('Out of memory: Kill', 'Out of memory: a process was killed', true, 'title'),
];
