import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConsoleReader } from './console.js';
import { outcomeOf, type BootEnd } from './outcome.js';

const kernel = ['Linux version 6.1.0', '[    0.100000] Run /init as init process', ''];
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
      what: 'a marker behind the time of the kernel',
      lines: [ready, '[   12.345678] kbisect n1 PASS'],
      kind: 'pass',
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
    { what: 'a console that floods', lines: [ready, 'x', 'x'], end: 'flooded', kind: 'hang' },
    {
      what: 'a panic in the test',
      lines: [ready, 'Kernel panic - not syncing: sysrq triggered crash'],
      end: 'exited',
      kind: 'crash',
    },
    {
      what: 'a pass that is followed by a panic',
      lines: [ready, 'kbisect n1 PASS', 'Kernel panic - not syncing: late'],
      kind: 'crash',
    },
    {
      what: 'a warning beside a pass',
      lines: [ready, 'WARNING: CPU: 0 PID: 1 at kernel/x.c:1 f+0x1/0x2', 'kbisect n1 PASS'],
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
      'BUG: unable to handle page fault for address: ffffc90000000000',
      'RIP: 0010:do_it+0x1/0x9',
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

describe('a crash', () => {
  const signature = (...lines: string[]) => {
    const kind = outcome(lines, 'exited');
    return kind?.$case === 'crash' ? kind.value.signature : undefined;
  };

  it.each([
    {
      lines: [
        'BUG: kernel NULL pointer dereference, address: 0000000000000008',
        'CPU: 3 PID: 77 Comm: a',
        'RIP: 0010:ext4_get.isra.0+0x1f/0x40',
      ],
      same: [
        'BUG: kernel NULL pointer dereference, address: 0000000000000010',
        'CPU: 0 PID: 1 Comm: b',
        'RIP: 0010:ext4_get+0x22/0x44',
      ],
      title: 'BUG: kernel NULL pointer dereference in ext4_get',
    },
    {
      lines: ['[ 1.0] kernel BUG at fs/inode.c:123!', 'RIP: 0010:iput+0x1/0x2'],
      same: ['[ 9.9] kernel BUG at fs/inode.c:125!', 'RIP: 0010:iput+0x3/0x4'],
      title: 'kernel BUG at fs/inode.c in iput',
    },
    {
      lines: [
        'general protection fault, probably for non-canonical address 0xdead000000000100: 0000 [#1] SMP',
        'RIP: 0010:list_del+0x1/0x2',
      ],
      same: ['general protection fault: 0000 [#1] PREEMPT', 'RIP: 0010:list_del+0x1/0x2'],
      title: 'general protection fault in list_del',
    },
    {
      lines: ['BUG: KASAN: slab-use-after-free in foo+0x1a/0x30'],
      same: ['BUG: KASAN: slab-use-after-free in foo+0x2b/0x30'],
      title: 'BUG: KASAN: slab-use-after-free in foo',
    },
    {
      lines: ['watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [a:77]'],
      same: ['watchdog: BUG: soft lockup - CPU#0 stuck for 26s! [b:1]'],
      title: 'BUG: soft lockup',
    },
    {
      lines: ['Kernel panic - not syncing: Attempted to kill init! exitcode=0x0000000b'],
      same: ['Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000100'],
      title: 'panic: Attempted to kill init! exitcode=ADDR',
    },
    {
      lines: ['Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)'],
      same: ['Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)', 'CPU: 1'],
      title: 'panic: VFS: Unable to mount root fs on unknown-block(0,0)',
    },
  ])('gives one signature each time: $title', ({ lines, same, title }) => {
    expect(signature(...lines)).toBe(title);
    expect(signature(...same)).toBe(title);
  });
});
