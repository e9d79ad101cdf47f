/** One line of a benchmark's end: what was promised, what was measured today. */
export interface Figure {
  readonly what: string;
  /** As words; the measured value is `ok` when it is no more than `atMost`, or no less than `atLeast`. */
  readonly measured: number;
  readonly unit: string;
  readonly atMost?: number;
  readonly atLeast?: number;
}

/** The figures as the rows of a Markdown table: target, measured, ok or short. */
export function figureTable(figures: readonly Figure[]): string {
  const rows = figures.map(({ what, measured, unit, atMost, atLeast }) => {
    const target = [
      atMost === undefined ? '' : `≤ ${short(atMost)}`,
      atLeast === undefined ? '' : `≥ ${short(atLeast)}`,
    ]
      .join(' ')
      .trim();
    const ok = (atMost === undefined || measured <= atMost) && (atLeast === undefined || measured >= atLeast);
    return `| ${what} | ${target} ${unit} | ${short(measured)} ${unit} | ${ok ? 'ok' : 'short'} |`;
  });
  return ['| what | target | measured | |', '| --- | --- | --- | --- |', ...rows].join('\n');
}

function short(value: number): string {
  if (Number.isInteger(value)) return String(value);
  return value.toPrecision(value >= 1000 ? 5 : 4);
}
