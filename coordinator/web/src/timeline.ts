import type { AgentResult, Span } from '@kbisect/coordinator/http/dashboard/views';
import { el, svg } from './dom.js';
import { clock, count, duration, short } from './words.js';

const ROW = 22;
const LEFT = 130;
const WIDTH = 1000;

/** What each slot did, one line a slot. */
export function timeline(
  spans: readonly Span[],
  agents: readonly AgentResult[],
  since: number,
  now: number,
): HTMLElement {
  const seen = spans.filter(({ to }) => (to ?? now) >= since);
  const rows = slots(seen, agents);
  if (rows.length === 0) return el('p', {}, 'Nothing yet.');
  const height = rows.length * ROW + 24;
  const x = (time: number) => LEFT + ((Math.max(since, time) - since) / (now - since)) * (WIDTH - LEFT);
  const lines = rows.map(({ agent, slot }, row) =>
    svg('text', { x: 0, y: row * ROW + 15 }, slot === 0 ? agent : `  slot ${slot + 1}`),
  );
  const bars = seen.map((span) => {
    const row = rows.findIndex(({ agent, slot }) => agent === span.agent && slot === span.slot);
    const from = x(span.from);
    const width = Math.max(1.5, x(span.to ?? now) - from);
    const words = `${short(span.commit)}, ${span.end ?? 'running'}, ${duration(((span.to ?? now) - span.from) / 1000)}`;
    const bar = svg(
      'rect',
      { x: from, y: row * ROW + 4, width, height: ROW - 8, class: look(span) },
      svg('title', {}, words),
    );
    // For a pointer, which is shown what it is over; the same is said in words on the job's page.
    bar.addEventListener('click', () => location.assign(`/jobs/${span.job}#${span.commit}`));
    return bar;
  });
  const ticks = [0, 1, 2, 3, 4].map((part) => {
    const time = since + ((now - since) * part) / 4;
    const anchor = part === 0 ? 'start' : part === 4 ? 'end' : 'middle';
    return svg('text', { x: x(time), y: height - 6, 'text-anchor': anchor }, clock(time));
  });
  const words = `Time line of ${count(rows.length, 'slot')}: ${count(seen.length, 'lease')}`;
  const drawn = svg(
    'svg',
    { class: 'timeline', viewBox: `0 0 ${WIDTH} ${height}`, role: 'img', 'aria-label': words },
    ...lines,
    ...bars,
    ...ticks,
  );
  return el('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': words }, drawn);
}

function slots(spans: readonly Span[], agents: readonly AgentResult[]): { agent: string; slot: number }[] {
  const most = new Map(
    agents.filter(({ state }) => state !== 'away').map(({ name, slots: own }) => [name, own]),
  );
  for (const { agent, slot } of spans) most.set(agent, Math.max(most.get(agent) ?? 0, slot + 1));
  return [...most]
    .sort(([one], [other]) => one.localeCompare(other, 'en', { numeric: true }))
    .flatMap(([agent, own]) => Array.from({ length: own }, (_, slot) => ({ agent, slot })));
}

function look({ end }: Span): string {
  if (end === undefined) return 'live';
  return end === 'done' || end === 'withdrawn' ? end : 'lost';
}
