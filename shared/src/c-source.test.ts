import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { changeOfCSource, definedByHand } from './c-source.js';
import { run } from './process.js';

const MODULE = [
  '#ifdef CONFIG_MODULES',
  'struct module {',
  '#ifdef CONFIG_BTF',
  'int size;',
  '#endif',
  '};',
  '#endif',
];
const change = (before: readonly string[], after: readonly string[]) =>
  changeOfCSource(before.join('\n'), after.join('\n'));

describe('a change that no compiler sees', () => {
  it('is one of remarks', () => {
    expect(change(['int a; /* one */', 'int b;'], ['int a; // two', 'int b;'])).toEqual([]);
    expect(change(['/*', ' * one', ' */', 'int a;'], ['', '/* two */', '', 'int a;'])).toEqual([]);
  });

  it('lies where a symbol would have to be on', () => {
    expect(change(MODULE, MODULE.with(2, '#if 1'))).toEqual([['MODULES'], ['MODULES', 'BTF']]);
    expect(change(MODULE, MODULE.with(3, 'long size;'))).toEqual([['MODULES', 'BTF']]);
    expect(
      change(
        ['#if defined(CONFIG_A) && IS_ENABLED(CONFIG_B) \\', '  && !defined CONFIG_C', 'one', '#endif'],
        ['#if defined(CONFIG_A) && IS_ENABLED(CONFIG_B) \\', '  && !defined CONFIG_C', 'two', '#endif'],
      ),
    ).toEqual([['A', 'B']]);
  });
});

describe('a change that a compiler may see', () => {
  const gated = (condition: string) => [`#if ${condition}`, 'one', '#endif'];
  it.each([
    ['of code', ['int a;'], ['int b;']],
    ['of a string that looks like a remark', ['a("/*one*/")'], ['a("/*two*/")']],
    ['of the column that code stands in', ['/* one */ int a;'], ['/* eleven */ int a;']],
    ['that moves code down', [...MODULE, 'int a;'], [...MODULE.toSpliced(4, 0, 'int more;'), 'int a;']],
    ['of a condition', MODULE, MODULE.with(0, '#ifdef CONFIG_OTHER')],
    ['that ends a conditional early', [...MODULE, 'int a;'], [...MODULE.with(3, '#endif'), 'int a;']],
    ['that leaves a remark open', MODULE, MODULE.with(1, '/* struct module {')],
    ['that closes a remark', ['/*/'], ['/**/']],
    [
      'behind #else',
      ['#ifdef CONFIG_A', '#else', 'one', '#endif'],
      ['#ifdef CONFIG_A', '#else', 'two', '#endif'],
    ],
    ...[
      '!defined(CONFIG_A)',
      'defined(CONFIG_A) || X',
      '!(CONFIG_A && 1)',
      'X',
      'CONFIG_A > 2',
      'CONFIG_A_MODULE',
    ].map((condition): [string, string[], string[]] => [
      `behind #if ${condition}`,
      gated(condition),
      gated(condition).with(1, 'two'),
    ]),
  ])('%s', (_name, before, after) => {
    expect(change(before, after)).toBeUndefined();
  });

  it('of a symbol that a source defines by hand is told apart', () => {
    expect(definedByHand('#undef CONFIG_A\n # define CONFIG_B 1\n//\n#define CONFIG_C\n')).toEqual([
      'B',
      'C',
    ]);
  });
});

describe('the preprocessor', () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'c-source-'));
  });
  afterAll(() => rm(directory, { recursive: true }));

  const preprocessed = async (lines: readonly string[], on: readonly string[]) => {
    const path = join(directory, 'file.h');
    await writeFile(path, `${lines.join('\n')}\n`);
    const defines = on.map((symbol) => `-DCONFIG_${symbol}=1`);
    const args = ['-E', '-include', '/dev/null', ...defines, '-x', 'c', path];
    const { status, stdout } = await run({ program: 'gcc', args });
    // Empty lines are told by the numbers of those behind them, in the output and in `__LINE__`.
    const output = stdout.toString('utf8').split('\n');
    return { status, seen: output.filter((line) => line.trim() !== '' && !line.startsWith('#')) };
  };

  it('gives the same for what was said to be the same', async () => {
    const symbol = fc.constantFrom('A', 'B', 'C');
    const condition = fc.oneof(
      symbol.map((name) => `#ifdef CONFIG_${name}`),
      symbol.map((name) => `#ifndef CONFIG_${name}`),
      fc.tuple(symbol, symbol).map(([a, b]) => `#if defined(CONFIG_${a}) && defined CONFIG_${b}`),
      fc.tuple(symbol, symbol).map(([a, b]) => `#if !(defined(CONFIG_${a}) && defined(CONFIG_${b}))`),
      fc.tuple(symbol, symbol).map(([a, b]) => `#if defined(CONFIG_${a}) || \\\n CONFIG_${b}`),
    );
    const code = fc.constantFrom(
      'int a = __LINE__;',
      'x("/* s */"); /* r */',
      '/* two',
      'lines */ y;',
      '// r',
      "'\"'",
      '',
    );
    const block: fc.Arbitrary<string[]> = fc.letrec<{ block: string[] }>((tie) => ({
      block: fc
        .array(
          fc.oneof(
            { maxDepth: 3 },
            code.map((line) => [line]),
            fc
              .tuple(condition, tie('block'), fc.option(tie('block')))
              .map(([open, then, otherwise]) => [
                open,
                ...then,
                ...(otherwise ? ['#else', ...otherwise] : []),
                '#endif',
              ]),
          ),
          { maxLength: 4 },
        )
        .map((parts) => parts.flat()),
    })).block;
    let same = 0;
    await fc.assert(
      fc.asyncProperty(
        block,
        fc.nat(),
        code,
        fc.subarray(['A', 'B', 'C']),
        async (lines, place, line, on) => {
          const at = lines.length === 0 ? 0 : place % lines.length;
          const changed = lines.map((text, index) => (index === at && !text.startsWith('#') ? line : text));
          const off = changeOfCSource(lines.join('\n'), changed.join('\n'));
          if (off === undefined || off.some((clause) => clause.every((name) => on.includes(name)))) return;
          same += 1;
          expect(await preprocessed(changed, on)).toEqual(await preprocessed(lines, on));
        },
      ),
      { numRuns: 150 },
    );
    expect(same).toBeGreaterThan(10);
  });
});
