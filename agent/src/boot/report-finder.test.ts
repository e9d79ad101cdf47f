import { describe, expect, it } from 'vitest';
import { ReportFinder } from './report-finder.js';

function reports(
  lines: readonly string[],
  resolve: (address: string) => string | undefined = () => undefined,
) {
  const finder = new ReportFinder();
  for (const line of lines) {
    const [, caller, text = ''] = /^(?:\[([TC]\d+)\] )?(.*)$/.exec(line) ?? [];
    finder.take({ text, caller });
  }
  return { crash: finder.crash(resolve), warnings: finder.warnings(resolve) };
}

const trace = (...functions: string[]) => [
  'Call Trace:',
  ' <TASK>',
  ...functions.map((f) => ` ${f}+0x1/0x20`),
];

describe('a signature', () => {
  it.each([
    {
      title: 'BUG: kernel NULL pointer dereference in ext4_get',
      lines: [
        'BUG: kernel NULL pointer dereference, address: 0000000000000008',
        'RIP: 0010:ext4_get.isra.0+0x1f/0x40',
      ],
      same: ['BUG: unable to handle kernel NULL pointer dereference at (null)', 'IP: ext4_get+0x22/0x44'],
    },
    {
      title: 'kernel BUG at fs/inode.c in iput',
      lines: ['kernel BUG at fs/inode.c:123!', 'RIP: 0010:iput+0x1/0x2'],
      same: ['kernel BUG at ../fs/inode.c:125!', 'pc : iput+0x3/0x4'],
    },
    {
      title: 'general protection fault in list_sort',
      lines: [
        'general protection fault, probably for non-canonical address 0xdead000000000100: 0000 [#1] SMP',
        'RIP: 0010:list_sort+0x1/0x2',
      ],
      same: [
        'general protection fault: 0000 [#1] PREEMPT',
        'RIP: 0010:[<ffffffff81234567>]  [<ffffffff81234567>] list_sort+0x1/0x2',
      ],
    },
    {
      title: 'BUG: KASAN: slab-use-after-free in foo',
      lines: ['BUG: KASAN: slab-use-after-free in foo+0x1a/0x30'],
      same: [
        'BUG: KASAN: slab-use-after-free in memcpy+0x2b/0x30',
        ...trace('dump_stack_lvl', 'kasan_report', 'memcpy', 'foo'),
      ],
    },
    {
      title: 'BUG: KCSAN: data-race in a / b',
      warning: true,
      lines: ['BUG: KCSAN: data-race in b / a'],
      same: ['BUG: KCSAN: data-race in a+0x1/0x2 / b+0x3/0x4'],
    },
    {
      title: 'BUG: soft lockup in sys_ioctl',
      lines: [
        'watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [a:77]',
        'RIP: 0010:f+0x1/0x2',
        ...trace('f', '__x64_sys_ioctl'),
      ],
      same: [
        'NMI watchdog: BUG: soft lockup - CPU#0 stuck for 26s! [b:1]',
        'RIP: 0010:g+0x1/0x2',
        ...trace('g', '__x64_sys_ioctl'),
      ],
    },
    {
      title: 'INFO: rcu detected stall in work_of_mine',
      lines: [
        'rcu: INFO: rcu_preempt self-detected stall on CPU',
        ...trace('delay_tsc', 'work_of_mine', 'process_one_work'),
      ],
      same: ['INFO: rcu_sched detected stalls on CPUs/tasks:', ...trace('work_of_mine', 'process_one_work')],
    },
    {
      title: 'INFO: task hung in blkdev_put',
      lines: [
        'INFO: task mount:77 blocked for more than 120 seconds.',
        ...trace('__schedule', 'schedule', 'mutex_lock', 'blkdev_put'),
      ],
      same: [
        'INFO: task kworker/u8:3:9 blocked for more than 143 seconds.',
        ...trace('__schedule', 'rwsem_down_write_slowpath', 'blkdev_put'),
      ],
    },
    {
      title: 'list_del corruption in remove_it',
      lines: [
        'list_del corruption. prev->next should be ffff888003a0c0d8, but was dead000000000100',
        'kernel BUG at lib/list_debug.c:59!',
        'RIP: 0010:__list_del_entry_valid.cold+0x1d/0x47',
        ...trace('__list_del_entry_valid', 'remove_it'),
      ],
      same: [
        'list_del corruption, ffff888003a0c0d8->next is LIST_POISON1 (dead000000000100)',
        'kernel BUG at lib/list_debug.c:55!',
        'pc : __list_del_entry_valid+0x1d/0x47',
        ...trace('__list_del_entry_valid', 'remove_it'),
      ],
    },
    {
      title: 'refcount_t: addition on N; use-after-free in get_it',
      warning: true,
      lines: [
        'refcount_t: addition on 0; use-after-free.',
        'WARNING: CPU: 0 PID: 7 at lib/refcount.c:25 refcount_warn_saturate+0x1/0x2',
        ...trace('refcount_warn_saturate', 'get_it'),
      ],
      same: [
        'refcount_t: addition on 0; use-after-free.',
        'WARNING: CPU: 3 PID: 1 at lib/refcount.c:26 refcount_warn_saturate+0x4/0x2',
        ...trace('get_it'),
      ],
    },
    {
      title: 'panic: Attempted to kill init!',
      lines: ['Kernel panic - not syncing: Attempted to kill init! exitcode=0x0000000b'],
      same: ['Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000100'],
    },
    {
      title: 'panic: VFS: Unable to mount root fs on unknown-block(N,N)',
      lines: ['Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)'],
      same: ['Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(8,1)'],
    },
    {
      title: 'Out of memory: a process was killed',
      lines: ['Out of memory: Killed process 77 (init) total-vm:1kB, anon-rss:1kB'],
      same: ['Out of memory: Kill process 7 (test) score 900 or sacrifice child'],
    },
  ])('is one for one bug, whatever the kernel and the run: $title', ({ lines, same, title, warning }) => {
    for (const text of [lines, same]) {
      const { crash, warnings } = reports(text);
      expect((warning === true ? warnings[0] : crash)?.signature).toBe(title);
    }
  });

  it('names the function of an address where the kernel has no names', () => {
    const lines = [
      'BUG: kernel NULL pointer dereference, address: 0000000000000000',
      'RIP: 0010:0xffffffff81000010',
      'Call Trace:',
      ' ? 0xffffffff81000020',
    ];
    const names: Record<string, string> = { '0xffffffff81000010': 'memcpy', '0xffffffff81000020': 'mine' };
    expect(reports(lines, (address) => names[address]).crash?.signature).toBe(
      'BUG: kernel NULL pointer dereference in mine',
    );
    expect(reports(lines).crash?.signature).toBe('BUG: kernel NULL pointer dereference');
  });

  it('is that of the warning when a warning was made a panic', () => {
    const lines = [
      'WARNING: CPU: 0 PID: 1 at kernel/x.c:12 f+0x1/0x2',
      'CPU: 0 PID: 1 Comm: init Tainted: G    B   W         6.1.0 #1',
      'Kernel panic - not syncing: panic_on_warn set ...',
    ];
    expect(reports(lines)).toEqual({
      crash: {
        signature: 'WARNING at kernel/x.c in f',
        crash: true,
        function: 'f',
        file: 'kernel/x.c:12',
        taint: 'BW',
      },
      warnings: [],
    });
  });

  it('is not mixed with what another CPU says between its lines, where the kernel tells who speaks', () => {
    const lines = [
      '[C1] WARNING: CPU: 1 PID: 0 at kernel/x.c:12 other+0x1/0x2',
      '[T7] BUG: kernel NULL pointer dereference, address: 0000000000000000',
      '[C1] RIP: 0010:other+0x1/0x2',
      '[T7] RIP: 0010:mine+0x1/0x2',
    ];
    const { crash, warnings } = reports(lines);
    expect(crash?.signature).toBe('BUG: kernel NULL pointer dereference in mine');
    expect(warnings.map(({ signature }) => signature)).toEqual(['WARNING at kernel/x.c in other']);
  });

  it('does not come from the user programs that the kernel tells of', () => {
    const lines = [
      'traps: test[77] general protection fault ip:401136 sp:7ffc5 error:0 in test[401000+95000]',
      'test[77]: segfault at 0 ip 0000000000401136 sp 00007ffc5 error 6 in test[401000+95000]',
      'RIP: 0033:0x7f1234567890',
      'Memory cgroup out of memory: Killed process 77 (test)',
    ];
    expect(reports(lines)).toEqual({ crash: undefined, warnings: [] });
  });
});
