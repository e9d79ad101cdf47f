import { Mode } from '@kbisect/shared/gen/kbisect/v1/job';
import type { Terms } from '../search/bisectlog.js';

/** How a job's two ends are called. */
export function termsOf(mode: Mode): Terms {
  switch (mode) {
    case Mode.MODE_REGRESSION:
      return { old: 'good', new: 'bad' };
    case Mode.MODE_FIX:
      return { old: 'broken', new: 'fixed' };
    case Mode.MODE_ANY:
    case Mode.MODE_UNSPECIFIED:
      return { old: 'old', new: 'new' };
  }
}
