import { el } from './dom.js';

const MOST_LINES = 5000;

/** A diff, its lines told apart. */
export function diff(text: string): HTMLElement {
  const lines = text.split('\n');
  const shown = lines.slice(0, MOST_LINES).map((line) => {
    const look = lookOf(line);
    return look === undefined ? `${line}\n` : el('span', { class: look }, `${line}\n`);
  });
  const rest = lines.length > MOST_LINES ? [`[${lines.length - MOST_LINES} more lines]\n`] : [];
  return el(
    'pre',
    { tabindex: 0, role: 'region', 'aria-label': 'What the commit changes' },
    ...shown,
    ...rest,
  );
}

function lookOf(line: string): string | undefined {
  if (line.startsWith('@@') || line.startsWith('diff ')) return 'hunk';
  if (line.startsWith('+')) return 'added';
  return line.startsWith('-') ? 'removed' : undefined;
}
