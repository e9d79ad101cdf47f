import fc from 'fast-check';

/** What can befall a console on its way: lost and doubled lines, torn bytes, two speakers at once, endless runs. */
export type Mutation =
  | { readonly kind: 'cut' | 'drop' | 'double' | 'reverse'; readonly at: number; readonly size: number }
  | { readonly kind: 'bytes'; readonly at: number; readonly bytes: Uint8Array }
  | { readonly kind: 'run'; readonly at: number; readonly of: string; readonly times: number }
  | { readonly kind: 'interleave'; readonly other: number; readonly step: number }
  | { readonly kind: 'untimed' };

const at = fc.double({ min: 0, max: 1, noNaN: true });

/** Pieces that patterns begin with, repeat or end with: what a slow expression would choke on. */
const PIECES = [
  '\n',
  '\r',
  ' ',
  '[',
  '[    1.000000] ',
  '] ',
  'BUG: ',
  'WARNING: CPU: ',
  'Call Trace:\n',
  '? ',
  '0x',
  '.isra.0',
];
const WORDS = [
  'kernel BUG at ',
  'in a',
  '+0x1/0x2',
  'INFO: task ',
  'Tainted: G ',
  'list_add ',
  'RIP: 0010:',
  'kbisect ',
  '1',
  'a',
  '.',
];

const lines = fc.record({
  kind: fc.constantFrom('cut', 'drop', 'double', 'reverse'),
  at,
  size: fc.integer({ min: 1, max: 40 }),
});
const bytes = fc.record({ kind: fc.constant('bytes' as const), at, bytes: fc.uint8Array({ maxLength: 60 }) });
const run = fc.record({
  kind: fc.constant('run' as const),
  at,
  of: fc.constantFrom(...PIECES, ...WORDS),
  times: fc.integer({ min: 1, max: 5000 }),
});
const interleave = fc.record({
  kind: fc.constant('interleave' as const),
  other: fc.nat(),
  step: fc.integer({ min: 1, max: 80 }),
});
const untimed = fc.record({ kind: fc.constant('untimed' as const) });

/** A few of them, one upon the other. */
export const mutations: fc.Arbitrary<Mutation[]> = fc.array(
  fc.oneof({ arbitrary: lines, weight: 4 }, { arbitrary: bytes, weight: 3 }, run, interleave, untimed),
  { maxLength: 6 },
);

/** The console that the mutations make of one. @param all the consoles that it may be interleaved with */
export function mutate(console: Buffer, made: readonly Mutation[], all: readonly Buffer[]): Buffer {
  return made.reduce((bytes, mutation) => mutateOnce(bytes, mutation, all), console);
}

function mutateOnce(console: Buffer, mutation: Mutation, all: readonly Buffer[]): Buffer {
  switch (mutation.kind) {
    case 'bytes':
      return insert(console, mutation.at, Buffer.from(mutation.bytes));
    case 'run':
      return insert(console, mutation.at, Buffer.from(mutation.of.repeat(mutation.times)));
    case 'untimed':
      return Buffer.from(console.toString('latin1').replace(/^\[ *\d+\.\d+\]/gm, ''), 'latin1');
    case 'interleave':
      return interleaved(console, all[mutation.other % all.length] ?? console, mutation.step);
    case 'cut':
    case 'drop':
    case 'double':
    case 'reverse':
      return relined(console, mutation.kind, mutation.at, mutation.size);
  }
}

function insert(console: Buffer, where: number, bytes: Buffer): Buffer {
  const place = Math.floor(where * console.length);
  return Buffer.concat([console.subarray(0, place), bytes, console.subarray(place)]);
}

function interleaved(one: Buffer, other: Buffer, step: number): Buffer {
  const parts: Buffer[] = [];
  for (let n = 0; n < Math.max(one.length, other.length); n += step)
    parts.push(one.subarray(n, n + step), other.subarray(n, n + step));
  return Buffer.concat(parts);
}

function relined(
  console: Buffer,
  how: 'cut' | 'drop' | 'double' | 'reverse',
  where: number,
  size: number,
): Buffer {
  const text = console.toString('latin1').split('\n');
  const start = Math.floor(where * text.length);
  const piece = text.slice(start, start + size);
  const instead = { cut: [], drop: [], double: [...piece, ...piece], reverse: [...piece].reverse() }[how];
  const after = how === 'cut' ? [] : text.slice(start + size);
  return Buffer.from([...text.slice(0, start), ...instead, ...after].join('\n'), 'latin1');
}
