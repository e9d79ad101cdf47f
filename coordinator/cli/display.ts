import { stripVTControlCharacters } from 'node:util';
import cliTruncate from 'cli-truncate';
import { createLogUpdate } from 'log-update';
import { paintFor, plain, type Paint } from './paint.js';
import { printable } from './printable.js';
import type { Progress } from './progress.js';
import { view } from './view.js';
import type { EventLine } from './event-line.js';

const FRAME_MS = 250;

/** Where a job's progress is shown. */
export interface Display {
  readonly paint: Paint;
  /** Says what happened. */
  line(line: EventLine): void;
  /** Shows where the job stands now. */
  show(progress: Progress): void;
  close(): void;
}

/** A live display on a terminal, plain lines anywhere else. */
export function displayOn(stream: NodeJS.WriteStream, now: () => number): Display {
  // A terminal that does not tell its size has no place to draw on.
  return stream.isTTY && stream.rows > 0 ? liveDisplay(stream, now) : plainDisplay(stream);
}

function liveDisplay(stream: NodeJS.WriteStream, now: () => number): Display {
  const update = createLogUpdate(stream);
  const paint = paintFor(stream, process.env);
  const columns = () => Math.max(20, stream.columns || 80);
  let latest: Progress | undefined;
  let drawn = true;
  let lines: string[] = [];
  const draw = () => {
    if (latest === undefined) return;
    drawn = true;
    lines = view(latest, { columns: columns(), rows: stream.rows, now: now(), paint });
    update(lines.join('\n'));
  };
  /** A terminal that is made narrower breaks the lines that are on it: they take more rows than they were drawn on. */
  const resized = () => {
    const rows = lines.reduce((sum, line) => sum + Math.ceil(Math.max(1, widthOf(line)) / columns()), 0);
    update.done();
    if (rows > 0) stream.write(`${cursorUp(Math.min(rows, stream.rows - 1))}${ERASE_DOWN}`);
    lines = [];
    draw();
  };
  stream.on('resize', resized);
  // The clock runs on between messages; and many messages make one frame.
  const timer = setInterval(draw, FRAME_MS);
  return {
    paint,
    line({ text, lasting }) {
      if (!lasting) return;
      update.persist(cliTruncate(text, columns()));
      draw();
    },
    show(progress) {
      latest = progress;
      if (drawn) draw();
      drawn = false;
    },
    close() {
      clearInterval(timer);
      stream.off('resize', resized);
      update.clear();
      update.done();
    },
  };
}

const ERASE_DOWN = '\x1b[J';
const cursorUp = (rows: number) => `\r\x1b[${rows}A`;

/** Columns that a line takes, without its colours. */
function widthOf(line: string): number {
  return stripVTControlCharacters(line).length;
}

function plainDisplay(stream: NodeJS.WriteStream): Display {
  let left: number | undefined;
  let lost = false;
  let waiting: string | undefined;
  return {
    paint: plain,
    line({ text }) {
      stream.write(`${text}\n`);
    },
    show(progress) {
      if (lost !== (progress.lost !== undefined)) {
        lost = !lost;
        stream.write(lost ? `no connection, trying again: ${progress.lost ?? ''}\n` : 'connected again\n');
      }
      if (progress.waiting !== undefined && progress.waiting !== waiting)
        stream.write(`waits: ${printable(progress.waiting)}\n`);
      ({ waiting } = progress);
      if (progress.left === undefined || progress.left === left) return;
      if (left !== undefined) stream.write(`${progress.left} of ${progress.total ?? 0} candidates left\n`);
      left = progress.left;
    },
    close() {
      // Lines need no end.
    },
  };
}
