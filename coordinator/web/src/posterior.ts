import { el, svg, table } from './dom.js';
import type { RangeState } from './range-state.js';
import { count, percent, short } from './words.js';

const BINS = 300;
const SHOWN = 8;

/** How likely each commit is the culprit: a plot over the range, and the likeliest by name. */
export function posterior({ size, chances, range }: RangeState): HTMLElement {
  const bins = new Float64Array(Math.min(BINS, Math.max(1, size)));
  for (let place = 0; place < size; place++)
    bins[Math.floor((place * bins.length) / size)]! += chances[place]!;
  const highest = bins.reduce((most, bin) => Math.max(most, bin), 1e-12);
  const bars = [...bins].map((bin, at) =>
    bin === 0 ? '' : `M${at} 100V${100 - (bin / highest) * 96}h1V100z`,
  );
  const likeliest = [...chances.keys()]
    .filter((place) => chances[place]! > 0)
    .sort((one, other) => chances[other]! - chances[one]! || one - other);
  const [first] = likeliest;
  const words =
    first === undefined
      ? 'nothing is left'
      : `${count(likeliest.length, 'commit')} left; the likeliest, ${short(range.ids[first] ?? '')}, at ${percent(chances[first]!)}`;
  const plot = svg(
    'svg',
    {
      class: 'plot',
      viewBox: `0 0 ${bins.length} 100`,
      preserveAspectRatio: 'none',
      role: 'img',
      'aria-label': words,
    },
    svg('path', { d: bars.join('') }),
  );
  const [least] = likeliest.slice(-1);
  const isTelling = likeliest.length <= SHOWN || chances[first!]! > 1.001 * chances[least!]!;
  const rows = (isTelling ? likeliest : [])
    .slice(0, SHOWN)
    .map((place) => [
      el('a', { class: 'id', href: `#${range.ids[place] ?? ''}` }, short(range.ids[place] ?? '')),
      percent(chances[place]!),
    ]);
  return el(
    'div',
    {},
    el('p', {}, `From the oldest commit to the newest: ${words}.`),
    plot,
    ...(rows.length === 0 ? [] : [table(['Commit', 'How likely'], rows, 'The likeliest commits')]),
  );
}
