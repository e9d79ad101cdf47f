import { expect, it } from 'vitest';
import { Check, CheckKind, CheckResult, LeaseEnd, Mode, Verdict } from '@kbisect/shared/gen/kbisect/v1/job';
import { eventLine, type EventLine } from './event-line.js';
import { plain } from './paint.js';
import { advance, unknownProgress } from './progress.js';
import { event, recordedEnd, recordedJob } from './recorded-job.js';
import type { WatchMessage } from './watch-job.js';

function linesOf(messages: WatchMessage[], subject?: string): EventLine[] {
  let progress = unknownProgress('3f9a0c1b22');
  return messages.flatMap((message) => {
    const before = progress;
    progress = advance(progress, message);
    return message.$case === 'event' ? (eventLine(before, message.value, plain, subject) ?? []) : [];
  });
}

it('tells a job in plain lines, one for each event that is worth it', () => {
  const lines = linesOf([...recordedJob(Mode.MODE_REGRESSION), recordedEnd]);
  expect(lines.map(({ text }) => text)).toEqual([
    'job 3f9a0c1b22: linux v6.1..v6.2: crash.c',
    'the range has 165 commits; the ends are proved first',
    'agent-1 tests 222222222222',
    'agent-2 tests 111111111111',
    '222222222222 built in 2 min 08 s',
    '222222222222 crash: BUG: in foo, in 1 s',
    '222222222222 bad (crash: BUG: in foo)',
    '111111111111 good (crash: BUG: in foo)',
    'agent-1 tests 333333333333',
    'agent-2 tests 444444444444',
  ]);
});

it('keeps above the live display what the display itself does not show: the verdicts', () => {
  const lasting = linesOf(recordedJob(Mode.MODE_REGRESSION)).filter((line) => line.lasting);
  expect(lasting.map(({ text }) => text.split(' ').slice(0, 2).join(' '))).toEqual([
    'job 3f9a0c1b22:',
    'the range',
    '222222222222 bad',
    '111111111111 good',
  ]);
});

it.each([
  [Mode.MODE_REGRESSION, ['bad', 'good']],
  [Mode.MODE_FIX, ['fixed', 'broken']],
  [Mode.MODE_ANY, ['new', 'old']],
])('calls the ends as the user did: %s', (mode, words) => {
  const verdicts = linesOf(recordedJob(mode)).filter(({ text }) => text.includes('(crash'));
  expect(verdicts.map(({ text }) => text.split(' ')[1])).toEqual(words);
});

it('shows a subject without its control characters', () => {
  const [line] = linesOf(recordedJob(Mode.MODE_FIX), 'net: \u001b[31mfix\u202e it').filter(({ text }) =>
    text.includes('(crash'),
  );
  expect(line?.text).toBe('222222222222 fixed net: fix  it (crash: BUG: in foo)');
});

it('keeps of the search for settings how many are enough, each time that it is fewer', () => {
  const culprit = '3'.repeat(40);
  const parent = '4'.repeat(40);
  const checksOf = (...settings: number[]) =>
    [culprit, parent].map((of) => Check.fromPartial({ kind: CheckKind.CHECK_KIND_CONFIG, of, settings }));
  const checked = (check: number, result: CheckResult) =>
    event(151, {
      $case: 'checked',
      value: { check, result, detail: 'pass', verdict: Verdict.VERDICT_UNSPECIFIED },
    });
  const { CHECK_RESULT_PASS: PASS, CHECK_RESULT_FAIL: FAIL } = CheckResult;
  const settings = ['CONFIG_A=y', 'CONFIG_B=y', 'CONFIG_C=y'];
  const lines = linesOf([
    ...recordedJob(Mode.MODE_REGRESSION),
    event(150, { $case: 'minimising', value: { culprit, parent, settings } }),
    event(150, { $case: 'checking', value: { culprit, checks: [...checksOf(0), ...checksOf(1, 2)] } }),
    checked(0, FAIL),
    checked(2, PASS),
    checked(3, PASS),
  ]);
  expect(lines.slice(-5)).toEqual([
    { text: '333333333333 is certified; which of 3 settings it takes is found out', lasting: true },
    { text: '2 configurations to be tried', lasting: false },
    { text: 'FAIL: 333333333333 with 1 setting (pass)', lasting: false },
    { text: 'PASS: 333333333333 with 2 settings (pass)', lasting: false },
    { text: '2 of 3 settings are enough', lasting: true },
  ]);
});

it('says why work goes elsewhere', () => {
  const ended = (lease: string, reason: LeaseEnd, detail: string) =>
    event(150, { $case: 'leaseEnded', value: { lease, reason, detail } });
  const before = recordedJob(Mode.MODE_FIX);
  const lines = linesOf([
    ...before,
    ended('c', LeaseEnd.LEASE_END_EXPIRED, ''),
    ended('d', LeaseEnd.LEASE_END_RETURNED, 'the disk is full'),
  ]);
  expect(lines.slice(-2)).toEqual([
    { text: 'agent-1 was not heard of any more; 333333333333 goes elsewhere', lasting: true },
    { text: 'agent-2 gave 444444444444 back: the disk is full', lasting: true },
  ]);
});
