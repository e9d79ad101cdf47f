import { ask } from './api.js';
import { byId, el, fill, say, svg, table } from './dom.js';
import { bytes, count, percent } from './words.js';

/** As `kbisect cache stat --json` has it. */
interface Stat {
  readonly files: number;
  readonly bytes: number;
  readonly heldBytes: number;
  readonly softBytes: number;
  readonly hardBytes: number;
  readonly evicted: number;
  readonly doors: readonly {
    readonly name: string;
    readonly hits: number;
    readonly misses: number;
    readonly bytesRead: number;
    readonly bytesWritten: number;
    readonly bytesSpared: number;
  }[];
  readonly pins: readonly string[];
}

function show(stat: Stat): void {
  const share = (amount: number) => Math.min(100, (100 * amount) / Math.max(1, stat.hardBytes));
  const words = `${bytes(stat.bytes)} of ${bytes(stat.hardBytes)}`;
  const gauge = svg(
    'svg',
    { class: 'gauge', viewBox: '0 0 100 4', preserveAspectRatio: 'none', role: 'img', 'aria-label': words },
    svg('rect', { width: 100, height: 4, class: 'fill-out' }),
    svg('rect', { width: share(stat.bytes), height: 4, class: 'fill-left' }),
    svg('rect', { width: share(stat.heldBytes), height: 4, class: 'fill-class' }),
    svg('rect', { x: share(stat.softBytes), width: 0.4, height: 4, class: 'fill-new' }),
  );
  const rows = [
    ['Stored', `${words} in ${count(stat.files, 'file')}`],
    ['Pinned or in use', bytes(stat.heldBytes)],
    ['Evicts above', bytes(stat.softBytes)],
    ['Refuses above', bytes(stat.hardBytes)],
    ['Evicted since the start', count(stat.evicted, 'file')],
  ];
  fill(byId('size'), el('div', {}, gauge), table(['What', 'How much'], rows, 'Size of the cache'));
  const doors = stat.doors.map((door) => [
    door.name,
    door.hits,
    door.misses,
    door.hits + door.misses === 0 ? '' : percent(door.hits / (door.hits + door.misses)),
    bytes(door.bytesRead),
    bytes(door.bytesWritten),
    bytes(door.bytesSpared),
  ]);
  const headings = ['Door', 'Hits', 'Misses', 'Hit rate', 'Read', 'Written', 'Spared'];
  fill(byId('doors'), table(headings, doors, 'Doors of the cache'));
  const pins = stat.pins.map((pin) => el('li', {}, el('code', {}, pin)));
  fill(byId('pins'), pins.length === 0 ? el('p', {}, 'Nothing.') : el('ul', {}, ...pins));
}

async function keepShowing(): Promise<void> {
  for (;;) {
    try {
      show(await ask<Stat>('/api/cache'));
      const line = byId('line');
      line.textContent = 'live';
      line.classList.remove('error');
    } catch (error) {
      say(error instanceof Error ? error.message : String(error));
    }
    await new Promise((resolve) => setTimeout(resolve, 3000));
  }
}

void keepShowing();
