import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Pattern } from '@kbisect/shared/pattern';
import { ConsoleReader } from './console.js';
import { outcomeOf, type BootEnd } from './outcome.js';

/** A line of the kernel's own. */
const k = (text: string, time = '    1.000001') => `[${time}] ${text}`;
const kernel = [k('Linux version 6.1.0'), k('Run /init as init process'), ''];
const ready = 'kbisect n1 READY';

function outcome(lines: readonly string[], end: BootEnd = 'spoken') {
  const reader = new ConsoleReader('n1');
  reader.take(Buffer.from(lines.map((line) => `${line}\r\n`).join('')));
  return outcomeOf(end, reader.facts()).kind;
}

describe('a console', () => {
  it.each([
    {
      what: 'a test that passes',
      lines: [ready, 'output', 'kbisect n1 PASS', 'reboot: Restarting system'],
      kind: 'pass',
    },
    { what: 'a test that fails', lines: [ready, 'kbisect n1 FAIL'], kind: 'fail' },
    {
      what: "a test that prints the kernel's words",
      lines: [ready, 'BUG: unable to handle page fault', 'Kernel panic - not syncing: x', 'kbisect n1 PASS'],
      kind: 'pass',
    },
    {
      what: 'a panic behind what a test printed without a newline',
      lines: [ready, `half a li${k('Kernel panic - not syncing: x')}`],
      end: 'exited',
      kind: 'crash',
    },
    {
      what: 'a harness that cannot mount',
      lines: ['kbisect n1 HARNESS-BROKEN mount /sys: No such device'],
      kind: 'harnessBroken',
    },
    { what: 'a test that does not end', lines: [ready, 'kbisect n1 TIMEOUT'], kind: 'hang' },
    {
      what: 'a guest that falls silent in the test',
      lines: [ready, 'working'],
      end: 'timed-out',
      kind: 'hang',
    },
    { what: 'a guest that never came up', lines: [], end: 'timed-out', kind: 'hang' },
    { what: 'a guest that reboots by itself', lines: [ready], end: 'exited', kind: 'crash' },
    {
      what: 'a panic in the test',
      lines: [ready, k('Kernel panic - not syncing: sysrq triggered crash')],
      end: 'exited',
      kind: 'crash',
    },
    {
      what: 'a pass that is followed by a panic',
      lines: [ready, 'kbisect n1 PASS', k('Kernel panic - not syncing: late')],
      kind: 'crash',
    },
    {
      what: 'a warning beside a pass',
      lines: [ready, k('WARNING: CPU: 0 PID: 1 at kernel/x.c:1 f+0x1/0x2'), 'kbisect n1 PASS'],
      kind: 'pass',
    },
    { what: 'a marker of another boot', lines: [ready, 'kbisect n2 PASS'], end: 'timed-out', kind: 'hang' },
    {
      what: 'a marker that a message of the kernel stands before, or runs into',
      lines: ['[    1.0] random: inikbisect n1 READY', '[    1.1] kbisect n1 FAIL[    1.2] clk: off'],
      kind: 'fail',
    },
    {
      what: 'a guest that lacks what the test needs',
      lines: ['kbisect n1 ENVIRONMENT-MISSING /dev/sg0'],
      kind: 'environmentMissing',
    },
    {
      what: 'two verdicts: the first counts',
      lines: [ready, 'kbisect n1 FAIL', 'kbisect n1 PASS'],
      kind: 'fail',
    },
  ] as const)('of $what is read as $kind', ({ lines, kind, ...rest }) => {
    expect(outcome([...kernel, ...lines], 'end' in rest ? rest.end : undefined)?.$case).toBe(kind);
  });

  it('is read the same in whatever pieces it comes', () => {
    const text = [
      ...kernel,
      ready,
      k('BUG: unable to handle page fault for address: ffffc90000000000'),
      k('RIP: 0010:do_it+0x1/0x9'),
      'kbisect n1 FAIL',
      '',
    ].join('\n');
    fc.assert(
      fc.property(fc.array(fc.nat(text.length)), (cuts) => {
        const reader = new ConsoleReader('n1');
        const ends = [...cuts, text.length].sort((a, b) => a - b);
        ends.forEach((end, n) => reader.take(Buffer.from(text.slice(ends[n - 1] ?? 0, end))));
        expect(outcomeOf('spoken', reader.facts()).kind?.value).toEqual({
          signature: 'BUG: unable to handle page fault in do_it',
          function: 'do_it',
        });
      }),
    );
  });

  it('of any bytes is read without a throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 5000 }), (bytes) => {
        const reader = new ConsoleReader('n1');
        reader.take(Buffer.from(bytes));
        expect(outcomeOf('timed-out', reader.facts()).kind).toBeDefined();
      }),
    );
  });
});

describe('an output pattern', () => {
  const read = (pattern: string, lines: readonly string[]) => {
    const reader = new ConsoleReader('n1', new Pattern(pattern));
    reader.take(Buffer.from(lines.map((line) => `${line}\r\n`).join('')));
    return outcomeOf('spoken', reader.facts()).kind;
  };

  it('finds the first line from where the test began, whatever else happened', () => {
    const lines = ['boot: slow', 'kbisect n1 READY', 'slow: 7 ms', 'slow: 9 ms', 'kbisect n1 FAIL'];
    expect(read('^slow: [0-9]+', lines)).toEqual({ $case: 'outputMatched', value: { line: 'slow: 7 ms' } });
    expect(read('^boot', lines)?.$case).toBe('fail');
    expect(read('READY|FAIL', lines)?.$case).toBe('fail');
  });

  it('that would go back and forth for ever takes no time', () => {
    const started = performance.now();
    read('(a+)+$', ['kbisect n1 READY', ...Array.from({ length: 50 }, () => `${'a'.repeat(4000)}!`)]);
    expect(performance.now() - started).toBeLessThan(5000);
  });
});
