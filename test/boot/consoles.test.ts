import { beforeAll, describe, expect, it } from 'vitest';
import { ConsoleReader } from '@kbisect/agent/boot/console';
import { outcomeOf } from '@kbisect/agent/boot/outcome';
import type { Resolve } from '@kbisect/agent/boot/trace';
import { NONCE, readConsole, readIndex, symbolsOf, type Recording } from '../fixtures/consoles/recordings.js';

/**
 * What is to be read off the recorded consoles: the boot, its outcome, the signature of its crash or what the guest lacks, and
 * the warnings beside it.
 */
const EXPECTED: readonly (readonly [string, string, string, ...string[]])[] = [
  ['arm64/bad-init', 'crash', 'panic: Attempted to kill init!'],
  ['arm64/bad-page', 'crash', 'Unable to handle kernel paging request in provoke_bad_page'],
  ['arm64/boot-null', 'crash', 'Unable to handle kernel NULL pointer dereference in provoke_null_read'],
  ['arm64/boot-panic', 'crash', 'panic: provoked device N is on fire'],
  ['arm64/bug', 'crash', 'kernel BUG at drivers/misc/provoke.c in provoke_bug'],
  ['arm64/dead-machine', 'hang', ''],
  [
    'arm64/deadlock-order',
    'pass',
    '',
    'WARNING: possible circular locking dependency detected in provoke_deadlock_order',
  ],
  ['arm64/divide', 'pass', ''],
  ['arm64/early-panic', 'hang', ''],
  ['arm64/exec-null', 'crash', 'Unable to handle kernel NULL pointer dereference in provoke_write'],
  ['arm64/hung-completion', 'crash', 'INFO: task hung in provoke_hung_completion'],
  [
    'arm64/hung-task',
    'crash',
    'INFO: task hung in provoke_hung_task',
    'WARNING: possible recursive locking detected in provoke_hung_task',
  ],
  ['arm64/irq-lock', 'pass', '', 'WARNING: inconsistent lock state in provoke_irq_lock'],
  ['arm64/list-add', 'pass', '', 'list_add corruption in provoke_list_add'],
  ['arm64/list-del', 'pass', '', 'list_del corruption in provoke_list_del'],
  ['arm64/missing-device', 'environmentMissing', '/dev/sg0'],
  ['arm64/no-init', 'crash', 'panic: No working init found'],
  ['arm64/null-read', 'crash', 'Unable to handle kernel NULL pointer dereference in provoke_null_read'],
  ['arm64/null-write', 'crash', 'Unable to handle kernel NULL pointer dereference in provoke_null_write'],
  ['arm64/page-state', 'pass', ''],
  ['arm64/panic', 'crash', 'panic: provoked device N is on fire'],
  ['arm64/poison', 'crash', 'Unable to handle kernel paging request in provoke_poison'],
  ['arm64/rcu-usage', 'pass', '', 'WARNING: suspicious RCU usage in provoke_rcu_usage'],
  [
    'arm64/recursive-lock',
    'pass',
    '',
    'WARNING: possible recursive locking detected in provoke_recursive_lock',
  ],
  [
    'arm64/refcount-under',
    'pass',
    '',
    'refcount_t: decrement hit N; leaking memory in provoke_refcount_under',
    'refcount_t: underflow; use-after-free in provoke_refcount_under',
  ],
  ['arm64/refcount-zero', 'pass', '', 'refcount_t: addition on N; use-after-free in provoke_refcount_zero'],
  [
    'arm64/sleep-atomic',
    'crash',
    'BUG: sleeping function called from invalid context in provoke_sleep_atomic',
  ],
  ['arm64/soft-lockup', 'crash', 'BUG: soft lockup in sys_write'],
  ['arm64/stack-overflow', 'hang', ''],
  ['arm64/stack-smash', 'crash', 'panic: stack-protector: Kernel stack is corrupted in provoke_stack_smash'],
  ['arm64/thread-crash', 'crash', 'Unable to handle kernel NULL pointer dereference in provoke_null_read'],
  ['arm64/timer-crash', 'crash', 'Unable to handle kernel NULL pointer dereference in provoke_null_write'],
  ['arm64/user-exit', 'fail', ''],
  ['arm64/user-fail', 'fail', ''],
  ['arm64/user-fault', 'fail', ''],
  ['arm64/user-half-line', 'crash', 'Unable to handle kernel NULL pointer dereference in provoke_null_read'],
  ['arm64/user-memory', 'crash', 'Out of memory: a process was killed'],
  ['arm64/user-pass', 'pass', ''],
  ['arm64/user-power-off', 'crash', 'reboot during the test'],
  ['arm64/user-reboot', 'crash', 'reboot during the test'],
  ['arm64/user-sleep', 'hang', ''],
  ['arm64/user-sysrq-crash', 'crash', 'panic: sysrq triggered crash'],
  ['arm64/warn-panic', 'crash', 'WARNING at drivers/misc/provoke.c in provoke_warn'],
  ['arm64/warn-text', 'pass', '', 'WARNING at drivers/misc/provoke.c in provoke_warn_text'],
  ['arm64/warn', 'pass', '', 'WARNING at drivers/misc/provoke.c in provoke_warn'],
  ['arm64/work-crash', 'crash', 'kernel BUG at drivers/misc/provoke.c in provoke_bug'],
  ['arm64/write-text', 'crash', 'Unable to handle kernel write to read-only memory in provoke_write_text'],
  ['minimal/bad-page', 'crash', 'BUG: unable to handle page fault in provoke_bad_page'],
  ['minimal/boot-hang', 'hang', ''],
  ['minimal/bug', 'crash', 'invalid opcode in provoke_bug'],
  ['minimal/missing-device', 'environmentMissing', '/dev/sg0'],
  ['minimal/null-read', 'crash', 'BUG: kernel NULL pointer dereference in provoke_null_read'],
  ['minimal/panic', 'crash', 'panic: provoked device N is on fire'],
  ['minimal/thread-crash', 'crash', 'BUG: kernel NULL pointer dereference in provoke_null_read'],
  ['minimal/user-fail', 'fail', ''],
  ['minimal/user-halt', 'hang', ''],
  ['minimal/user-pass', 'pass', ''],
  ['minimal/user-power-off', 'hang', ''],
  ['minimal/warn', 'pass', '', 'WARNING in provoke_warn'],
  ['plain/bad-init', 'crash', 'panic: Attempted to kill init!'],
  ['plain/bad-page', 'crash', 'BUG: unable to handle page fault in provoke_bad_page'],
  ['plain/boot-hang', 'hang', ''],
  ['plain/boot-null', 'crash', 'BUG: kernel NULL pointer dereference in provoke_null_read'],
  ['plain/boot-panic', 'crash', 'panic: provoked device N is on fire'],
  ['plain/bug', 'crash', 'kernel BUG at drivers/misc/provoke.c in provoke_bug'],
  ['plain/dead-machine', 'hang', ''],
  ['plain/divide', 'crash', 'divide error in provoke_divide'],
  ['plain/double-free', 'pass', ''],
  ['plain/early-hang', 'hang', ''],
  ['plain/early-panic', 'hang', ''],
  ['plain/exec-null', 'crash', 'BUG: kernel NULL pointer dereference in provoke_write'],
  ['plain/flood', 'hang', ''],
  ['plain/hung-completion', 'crash', 'INFO: task hung in provoke_hung_completion'],
  ['plain/hung-task', 'crash', 'INFO: task hung in provoke_hung_task'],
  ['plain/list-add', 'pass', '', 'list_add corruption in provoke_list_add'],
  ['plain/list-del', 'pass', '', 'list_del corruption in provoke_list_del'],
  ['plain/lkdtm-ACCESS_USERSPACE', 'pass', ''],
  [
    'plain/lkdtm-CORRUPT_STACK',
    'crash',
    'panic: stack-protector: Kernel stack is corrupted in lkdtm_CORRUPT_STACK',
  ],
  ['plain/lkdtm-EXCEPTION', 'crash', 'BUG: kernel NULL pointer dereference in lkdtm_EXCEPTION'],
  ['plain/lkdtm-EXEC_DATA', 'crash', 'BUG: unable to handle page fault in execute_location'],
  ['plain/lkdtm-WRITE_RO', 'crash', 'BUG: unable to handle page fault in lkdtm_WRITE_RO'],
  ['plain/missing-device', 'environmentMissing', '/dev/sg0'],
  ['plain/missing-module', 'environmentMissing', 'module scsi_debug'],
  ['plain/no-init', 'crash', 'panic: No working init found'],
  ['plain/null-read', 'crash', 'BUG: kernel NULL pointer dereference in provoke_null_read'],
  ['plain/null-write', 'crash', 'BUG: kernel NULL pointer dereference in provoke_null_write'],
  ['plain/page-state', 'crash', 'BUG: Bad page state in provoke_page_state'],
  ['plain/panic', 'crash', 'panic: provoked device N is on fire'],
  ['plain/poison-overwritten', 'crash', 'BUG kmalloc-128: Poison overwritten in provoke_poison_overwritten'],
  ['plain/poison', 'crash', 'general protection fault in provoke_poison'],
  ['plain/rcu-stall', 'crash', 'INFO: rcu detected stall in sys_write'],
  [
    'plain/refcount-under',
    'pass',
    '',
    'refcount_t: decrement hit N; leaking memory in provoke_refcount_under',
    'refcount_t: underflow; use-after-free in provoke_refcount_under',
  ],
  ['plain/refcount-zero', 'pass', '', 'refcount_t: addition on N; use-after-free in provoke_refcount_zero'],
  ['plain/soft-lockup', 'crash', 'BUG: soft lockup in sys_write'],
  ['plain/stack-overflow', 'crash', 'BUG: stack guard page was hit in deeper'],
  ['plain/stack-smash', 'crash', 'panic: stack-protector: Kernel stack is corrupted in provoke_stack_smash'],
  ['plain/thread-crash', 'crash', 'BUG: kernel NULL pointer dereference in provoke_null_read'],
  ['plain/timer-crash', 'crash', 'BUG: kernel NULL pointer dereference in provoke_null_write'],
  ['plain/user-close', 'pass', ''],
  ['plain/user-daemon', 'pass', ''],
  ['plain/user-exit', 'fail', ''],
  ['plain/user-fail', 'fail', ''],
  ['plain/user-fault', 'fail', ''],
  ['plain/user-flood', 'pass', ''],
  ['plain/user-forge', 'fail', ''],
  ['plain/user-half-line', 'crash', 'BUG: kernel NULL pointer dereference in provoke_null_read'],
  ['plain/user-kernel-words', 'pass', ''],
  ['plain/user-kill-init', 'pass', ''],
  ['plain/user-memory', 'crash', 'Out of memory: a process was killed'],
  ['plain/user-pass', 'pass', ''],
  ['plain/user-power-off', 'crash', 'reboot during the test'],
  ['plain/user-reboot', 'crash', 'reboot during the test'],
  ['plain/user-sleep', 'hang', ''],
  ['plain/user-spin', 'hang', ''],
  ['plain/user-sysrq-boot', 'crash', 'reboot during the test'],
  ['plain/user-sysrq-crash', 'crash', 'panic: sysrq triggered crash'],
  ['plain/usercopy', 'pass', '', 'WARNING at mm/maccess.c in provoke_usercopy'],
  ['plain/warn-panic', 'crash', 'WARNING at drivers/misc/provoke.c in provoke_warn'],
  ['plain/warn-text', 'pass', '', 'WARNING at drivers/misc/provoke.c in provoke_warn_text'],
  ['plain/warn', 'pass', '', 'WARNING at drivers/misc/provoke.c in provoke_warn'],
  ['plain/work-crash', 'crash', 'kernel BUG at drivers/misc/provoke.c in provoke_bug'],
  ['plain/workqueue', 'hang', ''],
  ['plain/write-text', 'crash', 'BUG: unable to handle page fault in provoke_write_text'],
  ['sanitised/bad-page', 'crash', 'BUG: unable to handle page fault in provoke_bad_page'],
  ['sanitised/bad-unlock', 'pass', '', 'WARNING: bad unlock balance detected in provoke_bad_unlock'],
  ['sanitised/bug', 'crash', 'kernel BUG at drivers/misc/provoke.c in provoke_bug'],
  [
    'sanitised/deadlock-order',
    'pass',
    '',
    'WARNING: possible circular locking dependency detected in provoke_deadlock_order',
  ],
  ['sanitised/double-free', 'crash', 'BUG: KASAN: double-free in provoke_double_free'],
  ['sanitised/irq-lock', 'pass', '', 'WARNING: inconsistent lock state in provoke_irq_lock'],
  ['sanitised/lock-kept', 'pass', '', 'WARNING: lock held when returning to user space'],
  ['sanitised/null-read', 'crash', 'BUG: KASAN: null-ptr-deref in provoke_null_read'],
  ['sanitised/out-of-bounds', 'crash', 'BUG: KASAN: slab-out-of-bounds in provoke_out_of_bounds'],
  ['sanitised/overrun-panic', 'crash', 'BUG: KASAN: slab-out-of-bounds in provoke_out_of_bounds'],
  ['sanitised/overrun', 'pass', '', 'UBSAN: array-index-out-of-bounds in provoke_overrun'],
  [
    'sanitised/preemptible',
    'crash',
    'BUG: using smp_processor_id in preemptible code in provoke_preemptible',
  ],
  ['sanitised/rcu-usage', 'pass', '', 'WARNING: suspicious RCU usage in provoke_rcu_usage'],
  [
    'sanitised/recursive-lock',
    'pass',
    '',
    'WARNING: possible recursive locking detected in provoke_recursive_lock',
  ],
  ['sanitised/shift', 'pass', '', 'UBSAN: shift-out-of-bounds in provoke_shift'],
  [
    'sanitised/sleep-atomic',
    'crash',
    'BUG: sleeping function called from invalid context in provoke_sleep_atomic',
  ],
  [
    'sanitised/stack-out-of-bounds',
    'crash',
    'BUG: KASAN: stack-out-of-bounds in provoke_stack_out_of_bounds',
  ],
  ['sanitised/use-after-free', 'crash', 'BUG: KASAN: use-after-free in provoke_use_after_free'],
  ['sanitised/user-pass', 'pass', ''],
];

interface Recorded extends Recording {
  readonly console: Buffer;
  readonly resolve: Resolve;
}
let recorded: Recorded[];
beforeAll(async () => {
  recorded = await Promise.all(
    (await readIndex()).map(async (recording) => ({
      ...recording,
      console: await readConsole(recording),
      resolve: await symbolsOf(recording.kernel),
    })),
  );
});

/** What is read off a console, in the form of the table. */
function read({ kernel, scenario, end, resolve }: Recorded, console: Buffer): string[] {
  const reader = new ConsoleReader(NONCE);
  reader.take(console);
  const { kind, warnings } = outcomeOf(end, reader.facts(resolve));
  const crash = kind?.$case === 'crash' ? kind.value.signature : '';
  const says = kind?.$case === 'environmentMissing' ? kind.value.what : crash;
  return [`${kernel}/${scenario}`, kind?.$case ?? '', says, ...(warnings?.signatures ?? [])];
}

const names = EXPECTED.map(([name]) => name);
const recordingsOf = (name: string) =>
  recorded.filter(({ kernel, scenario }) => `${kernel}/${scenario}` === name);
const expectedOf = ({ kernel, scenario }: Recording) =>
  EXPECTED.find(([name]) => name === `${kernel}/${scenario}`);

describe('the consoles of real boots', () => {
  it('are all expected to say something, and recorded twice', () => {
    expect(new Set(recorded.map(({ kernel, scenario }) => `${kernel}/${scenario}`))).toEqual(new Set(names));
    for (const name of names) expect([name, recordingsOf(name).length]).toEqual([name, 2]);
    expect(recorded.length).toBeGreaterThanOrEqual(60);
  });

  it.each(EXPECTED)('%s: %s %s', (...row) => {
    for (const one of recordingsOf(row[0] ?? '')) expect(read(one, one.console)).toEqual(row);
  });

  it('say the same at another time', () => {
    for (const one of recorded) {
      const later = one.console.toString('latin1').replace(/^\[ *(\d+)\.(\d{6})\]/gm, '[ 9876$1.$2]');
      expect(read(one, Buffer.from(later, 'latin1'))).toEqual(expectedOf(one));
    }
  });

  it('say the same when a program prints between all lines', () => {
    for (const one of recorded) {
      // A kernel that prints no times cannot be told from it.
      const text = one.console.toString('latin1');
      const mixed = text.replace(
        /\n(?=\[ *\d+\.\d{6}\] )/g,
        '\nBUG: this is a program, RIP: 0010:f+0x1/0x2\n',
      );
      expect(read(one, Buffer.from(mixed, 'latin1'))).toEqual(expectedOf(one));
    }
  });

  it('say the same with another CPU, another task and other addresses', () => {
    for (const one of recorded.filter(({ kernel }) => kernel !== 'minimal')) {
      const other = one.console
        .toString('latin1')
        .replace(/\bCPU: \d+ PID: \d+ Comm: \S+/g, 'CPU: 7 PID: 4242 Comm: other')
        .replace(/\bCPU: \d+ PID: \d+ at/g, 'CPU: 7 PID: 4242 at')
        .replace(/\bffff[0-9a-f]{12}\b/g, 'ffff888012345678')
        .replace(/\+0x[0-9a-f]+\/0x[0-9a-f]+/g, '+0x77/0x99');
      expect(read(one, Buffer.from(other, 'latin1'))).toEqual(expectedOf(one));
    }
  });

  it('say what they had said by then when they are cut right after the trace of a crash', () => {
    for (const one of recorded) {
      const text = one.console.toString('latin1');
      const end = text.indexOf('---[ end trace');
      const [, outcome, signature, ...warnings] = expectedOf(one) ?? [];
      if (end < 0 || outcome !== 'crash' || warnings.length > 0) continue;
      expect(read(one, one.console.subarray(0, end))[2]).toBe(signature);
    }
  });
});
