import type { MinimalConfig } from '@kbisect/shared/gen/kbisect/v1/job';

/** Which of its settings a culprit takes, in one sentence: `it takes 2 of the 12 settings asked for`. */
export function minimalConfigText({ settings, spared, minimal, reason }: MinimalConfig): string {
  const all = settings.length + spared.length;
  const of = `of the ${all} ${all === 1 ? 'setting' : 'settings'} asked for`;
  if (minimal) return `it takes ${settings.length === 0 ? 'none' : settings.length} ${of}`;
  return `it takes at most ${settings.length} ${of}; this is not minimal: ${reason}`;
}
