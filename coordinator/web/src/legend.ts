import { el, svg } from './dom.js';

/** What the signs of the range mean, in the job's words. */
export function legend(terms: { readonly old: string; readonly new: string }): HTMLElement[] {
  const sign = (shape: SVGElement, words: string) =>
    el('li', {}, svg('svg', { viewBox: '0 0 16 16', 'aria-hidden': 'true' }, shape), words);
  return [
    sign(svg('circle', { cx: 8, cy: 8, r: 6, class: 'fill-old' }), `tested ${terms.old}`),
    sign(svg('rect', { x: 2, y: 2, width: 12, height: 12, class: 'fill-new' }), `tested ${terms.new}`),
    sign(svg('path', { d: 'M8 1l7 7-7 7-7-7z', class: 'fill-skip' }), 'skipped'),
    sign(svg('circle', { cx: 8, cy: 8, r: 6, class: 'fill-flight' }), 'being tested'),
    sign(svg('rect', { y: 5, width: 16, height: 6, class: 'fill-left' }), 'could be the culprit'),
    sign(
      svg('rect', { y: 5, width: 16, height: 6, class: 'fill-old' }),
      `${terms.old}, as what follows it is`,
    ),
    sign(
      svg('rect', { y: 5, width: 16, height: 6, class: 'fill-new' }),
      `${terms.new}, as what it follows is`,
    ),
    sign(svg('rect', { y: 5, width: 16, height: 6, class: 'fill-out' }), 'ruled out'),
    sign(svg('rect', { y: 10, width: 16, height: 5, class: 'fill-class' }), 'one image (band below)'),
  ];
}
