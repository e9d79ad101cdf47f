import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { Mode } from '@kbisect/shared/gen/kbisect/v1/job';
import { coloured, paintFor, plain } from './paint.js';
import { advance, unknownProgress, type Progress } from './progress.js';
import { at, leased, recordedJob } from './recorded-job.js';
import { view } from './view.js';
import type { WatchMessage } from './watch-job.js';

const told = (messages: WatchMessage[]): Progress => messages.reduce(advance, unknownProgress('3f9a0c1b22'));
const canvas = { columns: 80, rows: 24, now: at(180), paint: plain };

describe('the live display', () => {
  it('shows the candidates left, what each agent does, the totals and an estimate', () => {
    expect(view(told(recordedJob(Mode.MODE_REGRESSION)), canvas)).toEqual([
      'job 3f9a0c1b22  linux v6.1..v6.2: crash.c',
      '█████████████████████████████░░░░░░░░░░░  41 of 165 candidates left',
      '  agent-1  building  333333333333  ████████████░░░░░░░░  62 %',
      '  agent-2  booting   444444444444',
      '3 min 00 s, 1 build, 1 trial, 0 cached; about 4 rounds, 8 min to go',
    ]);
  });

  it.each([40, 80, 200])('fits a terminal of %i columns, with wide characters too', (columns) => {
    const messages = recordedJob(Mode.MODE_REGRESSION);
    const wide: WatchMessage = { $case: 'lost', reason: '接続が切れました'.repeat(30) };
    for (const paint of [plain, coloured]) {
      for (const line of view(told([...messages, wide]), { ...canvas, columns, paint })) {
        const cells = Array.from(stripVTControlCharacters(line), (one) => (one > '\u2fff' ? 2 : 1));
        expect(cells.reduce((sum, width) => sum + width, 0)).toBeLessThanOrEqual(columns);
      }
    }
  });

  it('tells the estimate first where there is little room', () => {
    const lines = view(told(recordedJob(Mode.MODE_REGRESSION)), { ...canvas, columns: 40 });
    expect(lines.at(-1)).toMatch(/^about 4 rounds, 8 min to go; 3 min/);
  });

  it('has a bar that shrinks with the candidates', () => {
    const messages = recordedJob(Mode.MODE_REGRESSION);
    const full = (left: number) => {
      const outlook = { $case: 'outlook' as const, value: { candidatesLeft: left, expectedRounds: 1 } };
      return view(told([...messages, outlook]), canvas)[1]?.match(/█/g)?.length ?? 0;
    };
    const lengths = [165, 80, 40, 20, 5, 1].map(full);
    expect(lengths).toEqual([...lengths].sort((one, other) => other - one));
    expect(new Set(lengths).size).toBe(lengths.length);
    expect(lengths[0]).toBe(40);
    expect(lengths.at(-1)).toBe(0);
  });

  it('says what happens before the search: reading the range, proving the ends', () => {
    const messages = recordedJob(Mode.MODE_REGRESSION);
    expect(view(told(messages.slice(0, 1)), canvas)[1]).toBe('reading the range');
    expect(view(told(messages.slice(0, 6)), canvas).at(-1)).toContain('proving the ends');
  });

  it('stays within the rows of the terminal however many agents there are', () => {
    const leases = Array.from({ length: 64 }, (_, number) =>
      leased(143, `x${number}`, `lab-${number}`, '6'.repeat(40)),
    );
    const lines = view(told([...recordedJob(Mode.MODE_FIX), ...leases]), canvas);
    expect(lines.length).toBeLessThan(canvas.rows);
    expect(lines.at(-2)).toBe('  and 48 more');
  });

  it('says that the coordinator cannot be reached, until it can', () => {
    const lost: WatchMessage = { $case: 'lost', reason: 'connection refused' };
    const messages = [...recordedJob(Mode.MODE_FIX), lost];
    expect(view(told(messages), canvas).at(-1)).toBe('no connection, trying again: connection refused');
    const back: WatchMessage = { $case: 'outlook', value: { candidatesLeft: 41, expectedRounds: 3 } };
    expect(view(told([...messages, back]), canvas).join('\n')).not.toContain('no connection');
  });

  it('says why no agent can work for it, until one can', () => {
    const outlook = (waiting?: string): WatchMessage => ({
      $case: 'outlook',
      value: { candidatesLeft: 41, expectedRounds: 3, waiting },
    });
    const messages = [...recordedJob(Mode.MODE_FIX), outlook('no agent has\u001b it')];
    expect(view(told(messages), canvas).at(-1)).toMatch(/^waits: no agent has.* it$/);
    expect(view(told([...messages, outlook()]), canvas).join('\n')).not.toContain('waits');
  });

  it('lets no control character from outside onto the terminal', () => {
    const text = view(told(recordedJob(Mode.MODE_FIX)), canvas).join('\n');
    for (const unwanted of ['\u001b', '\u0007', 'owned']) expect(text).not.toContain(unwanted);
  });
});

describe('colour', () => {
  const terminal = { isTTY: true, hasColors: () => true };

  it('is for terminals, and only without NO_COLOR', () => {
    expect(paintFor(terminal, {})('red', 'bad')).toBe('\u001b[31mbad\u001b[39m');
    expect(paintFor(terminal, { NO_COLOR: '1' })('red', 'bad')).toBe('bad');
    expect(paintFor({ ...terminal, isTTY: false }, {})('red', 'bad')).toBe('bad');
  });
});
