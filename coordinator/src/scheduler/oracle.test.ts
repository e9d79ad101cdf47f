import { describe, expect, it } from 'vitest';
import { NewWhen_Kind, Verdict, type Outcome } from '@kbisect/shared/gen/kbisect/v1/job';
import { Wanted } from './new-when.js';
import { checkEnds, judge, shownBy, shownByAll } from './oracle.js';

const pass: Outcome = { kind: { $case: 'pass', value: {} } };
const fail: Outcome = { kind: { $case: 'fail', value: {} } };
const hang: Outcome = { kind: { $case: 'hang', value: { lastLines: '' } } };
const crash = (signature: string): Outcome => ({ kind: { $case: 'crash', value: { signature } } });
const output: Outcome = { kind: { $case: 'outputMatched', value: { line: 'slow: 7 ms' } } };
const missing: Outcome = { kind: { $case: 'environmentMissing', value: { what: '/dev/sg0' } } };
const broken: Outcome = { kind: { $case: 'harnessBroken', value: { reason: 'mount' } } };
const infra: Outcome = { kind: { $case: 'infraError', value: { reason: 'disk full' } } };
const all = { pass, fail, hang, crash: crash('KASAN in a'), output, missing, broken, infra };

const when = (kind: NewWhen_Kind, pattern = '') => Wanted.of({ kind, pattern });

/** The verdict on one trial, the ends having shown what they show. */
function verdict(outcome: Outcome, ends: { old: Outcome; new: Outcome }, wanted?: Wanted) {
  const proved = checkEnds(shownBy(ends.old, wanted)!, shownBy(ends.new, wanted)!, 'old-passes', wanted);
  if (proved.kind !== 'proved') return proved.kind;
  const given = judge([outcome], 1, proved.proof, wanted)?.verdict;
  return given === Verdict.VERDICT_OLD ? 'old' : given === Verdict.VERDICT_NEW ? 'new' : 'skip';
}

describe('the oracle that learns from the ends', () => {
  it('takes a crash for new only when it is the crash of the new end', () => {
    const ends = { old: pass, new: crash('KASAN in a') };
    expect(verdict(crash('KASAN in a'), ends)).toBe('new');
    expect(verdict(crash('BUG in b'), ends)).toBe('skip');
    expect(verdict(fail, ends)).toBe('skip');
    expect(verdict(pass, ends)).toBe('old');
  });
});

describe('--new-when', () => {
  const { KIND_CRASH, KIND_FAIL, KIND_HANG, KIND_OUTPUT } = NewWhen_Kind;
  it.each([
    ['fail', when(KIND_FAIL), fail, { pass: 'old', fail: 'new', hang: 'skip', crash: 'skip' }],
    ['crash', when(KIND_CRASH), crash('X'), { pass: 'old', fail: 'skip', hang: 'skip', crash: 'new' }],
    [
      'crash=KASAN',
      when(KIND_CRASH, 'KASAN'),
      crash('KASAN in b'),
      { pass: 'old', crash: 'new', fail: 'skip' },
    ],
    ['hang', when(KIND_HANG), hang, { pass: 'old', hang: 'new', crash: 'skip' }],
    ['output=slow', when(KIND_OUTPUT, 'slow'), output, { pass: 'old', output: 'new', crash: 'skip' }],
  ] as const)('%s takes that for new, and the rest as the old end has it', (_what, wanted, neu, expected) => {
    for (const [name, what] of Object.entries(expected)) {
      expect([name, verdict(all[name as keyof typeof all], { old: pass, new: neu }, wanted)]).toEqual([
        name,
        what,
      ]);
    }
  });

  it('crash=REGEX leaves other crashes to be skipped', () => {
    const wanted = when(KIND_CRASH, '^KASAN');
    const ends = { old: pass, new: crash('KASAN in b') };
    expect(verdict(crash('BUG in c'), ends, wanted)).toBe('skip');
  });

  it('crash=REGEX finds what the kernel complains of without a crash', () => {
    const warned = (outcome: Outcome): Outcome => ({
      ...outcome,
      warnings: { signatures: ['WARNING at a.c in f'] },
    });
    const ends = { old: pass, new: warned(fail) };
    expect(verdict(warned(pass), ends, when(KIND_CRASH, 'WARNING at a'))).toBe('new');
    expect(verdict(pass, ends, when(KIND_CRASH, 'WARNING at a'))).toBe('old');
  });

  it('is not proved by ends that do not show it, and says so', () => {
    expect(verdict(pass, { old: pass, new: crash('BUG in c') }, when(KIND_CRASH, 'KASAN'))).toBe(
      'no-difference',
    );
    expect(verdict(pass, { old: fail, new: pass }, when(KIND_FAIL))).toBe('wrong-way-round');
    expect(checkEnds('pass', 'hang', 'old-passes', when(KIND_FAIL))).toEqual({
      kind: 'no-difference',
      reason: 'new shows hang, not fail (and old shows pass)',
    });
  });
});

describe('what is wrong with the farm or the guest', () => {
  it('never shows anything, whatever is wanted', () => {
    const oracles = [undefined, when(NewWhen_Kind.KIND_CRASH), when(NewWhen_Kind.KIND_FAIL)];
    for (const wanted of oracles) {
      for (const outcome of [missing, broken, infra]) {
        expect(shownBy(outcome, wanted)).toBeUndefined();
        expect(shownByAll([pass, outcome], wanted)).toBeUndefined();
        expect(judge([outcome], 1, { old: 'pass', new: 'fail' }, wanted)?.verdict).toBe(Verdict.VERDICT_SKIP);
      }
    }
  });
});
