import cliTruncate from 'cli-truncate';
import { shortId } from '@kbisect/shared/ids';
import type { Paint } from './paint.js';
import { printable } from './printable.js';
import { secondsLeft, stage, type Progress, type Work } from './progress.js';
import { count, duration, roughly } from './words.js';
import { phaseWord } from '../src/report/phase-word.js';

/** What the live display is drawn on. */
export interface Canvas {
  readonly columns: number;
  readonly rows: number;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly paint: Paint;
}

/** The live display of a job: lines that fit the canvas. */
export function view(progress: Progress, canvas: Canvas): string[] {
  const { paint, columns } = canvas;
  const title = printable(progress.spec?.title ?? '');
  const lines = [
    `${paint('bold', `job ${progress.job}`)}  ${title}`,
    searchLine(progress, canvas),
    ...agentLines(progress, canvas),
    totalsLine(progress, canvas),
  ];
  if (progress.lost !== undefined) {
    lines.push(paint('yellow', `no connection, trying again: ${printable(progress.lost)}`));
  } else if (progress.waiting !== undefined) {
    lines.push(paint('yellow', `waits: ${printable(progress.waiting)}`));
  }
  return lines.map((line) => cliTruncate(line, columns));
}

function searchLine(progress: Progress, { columns, paint }: Canvas): string {
  const { total, left } = progress;
  if (total === undefined || left === undefined) return 'reading the range';
  const text = `${left} of ${count(total, 'candidate')} left`;
  // In powers of two, as a search goes: each round takes about the same off the bar.
  const share = total <= 1 ? 0 : Math.log2(Math.max(1, left)) / Math.log2(total);
  const width = Math.min(40, columns - text.length - 2);
  return width < 4 ? text : `${bar(share, width, paint)}  ${text}`;
}

function agentLines({ work, agents }: Progress, { columns, rows, now, paint }: Canvas): string[] {
  const busy = [...work.values()].sort((one, other) =>
    one.agent.localeCompare(other.agent, 'en', { numeric: true }),
  );
  const idle = [...agents].filter((name) => !busy.some(({ agent }) => agent === name)).sort();
  const nameWidth = Math.min(24, Math.max(0, ...[...agents].map((name) => name.length)));
  const lines = [
    ...busy.map(
      (one) => `  ${one.agent.padEnd(nameWidth)}  ${workText(one, columns - nameWidth - 4, now, paint)}`,
    ),
    ...idle.map((name) => `  ${name.padEnd(nameWidth)}  ${paint('dim', 'idle')}`),
  ];
  const room = Math.max(1, rows - 5);
  if (lines.length <= room) return lines;
  return [...lines.slice(0, room - 1), `  and ${lines.length - room + 1} more`];
}

function workText(work: Work, columns: number, now: number, paint: Paint): string {
  const { phase, commit, fraction, expectedSeconds, since } = work;
  // What is over its time is not said to be done.
  const left = expectedSeconds - (now - since) / 1000;
  const time = expectedSeconds > 0 && left >= 1 && columns >= 60 ? `  ${roughly(left)}` : '';
  const text = `${phaseWord(phase).padEnd(8)}  ${shortId(commit)}${time}`;
  if (fraction <= 0) return text;
  const percent = `${Math.floor(Math.min(1, fraction) * 100)} %`.padStart(5);
  const width = Math.min(20, columns - text.length - percent.length - 3);
  return width < 4 ? `${text} ${percent}` : `${text}  ${bar(fraction, width, paint)} ${percent}`;
}

function totalsLine(progress: Progress, { now, columns }: Canvas): string {
  const { builds, trials, cacheHits, submittedAt } = progress;
  const spent = submittedAt === undefined ? [] : [duration((now - submittedAt) / 1000)];
  const done = [...spent, count(builds, 'build'), count(trials, 'trial'), `${cacheHits} cached`].join(', ');
  const outlook = outlookText(progress);
  // The estimate is what one looks for: on a narrow terminal it comes first.
  return columns < 60 ? `${outlook}; ${done}` : `${done}; ${outlook}`;
}

function outlookText(progress: Progress): string {
  const rounds = Math.ceil(progress.expectedRounds);
  const seconds = secondsLeft(progress);
  const time = seconds === undefined || seconds < 1 ? '' : `, ${roughly(seconds)}`;
  switch (stage(progress)) {
    case 'preparing':
      return 'preparing';
    case 'proving':
      return 'proving the ends';
    case 'certifying':
      return 'checking the culprit';
    case 'minimising':
      return `minimising the config: ${progress.config?.enough ?? 0} of ${count(progress.config?.all ?? 0, 'setting')}`;
    case 'searching':
      return rounds === 0 ? 'nearly there' : `about ${count(rounds, 'round')}${time} to go`;
  }
}

function bar(share: number, width: number, paint: Paint): string {
  const full = Math.round(Math.min(1, Math.max(0, share)) * width);
  return paint('cyan', '█'.repeat(full)) + paint('dim', '░'.repeat(width - full));
}
