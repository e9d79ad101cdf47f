import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JobState, Verdict } from '@kbisect/shared/gen/kbisect/v1/job';
import { jobId, type CommitId } from '@kbisect/shared/ids';
import { commit, FAIL, PASS, Rig, straightRange, straightSpec } from './rig.js';

const { VERDICT_OLD: OLD, VERDICT_NEW: NEW, VERDICT_SKIP: SKIP } = Verdict;
const job = jobId('job');

function rigOf(size: number, agents = 1, more: Parameters<typeof straightSpec>[1] = {}): Rig {
  const rig = new Rig();
  for (let n = 0; n < agents; n++) rig.hello(`agent${n}`);
  rig.submit('job', straightSpec(size, more), straightRange(size));
  return rig;
}

const truth = (culprit: number) => (tested: CommitId) => (tested >= commit(culprit) ? FAIL : PASS);
const mark = (rig: Rig, n: number, verdict: Verdict) =>
  rig.send({ kind: 'mark', job, commit: commit(n), verdict, by: 'sam@box' });
const rerun = (rig: Rig, n: number) => rig.send({ kind: 'rerun', job, commit: commit(n), by: 'sam@box' });
const facts = (rig: Rig, kind: string) =>
  (rig.journal.get(job) ?? []).flatMap(({ fact }) => (fact?.$case === kind ? [fact] : []));
/** The ends are proved, and nothing else. */
function proveEnds(rig: Rig, culprit: number): void {
  while (rig.held.some(({ task }) => task.commit === commit(0) || rig.job('job').proof === undefined))
    rig.answer(0, truth(culprit)(rig.held[0]!.task.commit as CommitId));
}

describe('a mark', () => {
  it('is a verdict like that of a test, with who gave it', () => {
    const rig = rigOf(100);
    mark(rig, 49, OLD);
    mark(rig, 50, NEW);
    rig.run(truth(50));
    expect(rig.job('job')).toMatchObject({ state: JobState.JOB_STATE_FOUND, culprit: commit(50) });
    expect(rig.tested).toEqual([commit(100), commit(0)]);
    expect(facts(rig, 'judged')).toContainEqual(
      expect.objectContaining({
        value: expect.objectContaining({ commit: commit(49), reason: 'marked by sam@box' }) as unknown,
      }),
    );
  });

  it('overrules what a test has shown, and what one shows later', () => {
    const rig = rigOf(8);
    proveEnds(rig, 5);
    const tested = rig.held[0]!.task.commit as CommitId;
    rig.answer(0, FAIL); // a lie
    expect(rig.job('job').verdicts.get(tested)).toBe(NEW);
    const n = parseInt(tested, 16) - 1;
    mark(rig, n, SKIP);
    expect(rig.job('job').verdicts.get(tested)).toBe(SKIP);
    mark(rig, n, n < 5 ? OLD : NEW);
    rig.run(truth(5));
    expect(rig.job('job')).toMatchObject({ state: JobState.JOB_STATE_FOUND, culprit: commit(5) });
    expect(rig.tested.filter((one) => one === tested)).toHaveLength(1);
  });

  it('withdraws the test of its commit, as that can teach nothing more', () => {
    const rig = rigOf(100);
    proveEnds(rig, 60);
    const tested = rig.held[0]!.task.commit as CommitId;
    mark(rig, parseInt(tested, 16) - 1, tested >= commit(60) ? NEW : OLD);
    expect(rig.held.map(({ task }) => task.commit)).not.toContain(tested);
    rig.run(truth(60));
    expect(rig.job('job').culprit).toBe(commit(60));
  });

  it('to skip leaves an honest answer when only such commits are left', () => {
    const rig = rigOf(3);
    mark(rig, 1, SKIP);
    mark(rig, 2, SKIP);
    rig.run(truth(2));
    const { state, candidates } = rig.job('job');
    expect(state).toBe(JobState.JOB_STATE_AMBIGUOUS);
    expect([...candidates].sort()).toEqual([commit(1), commit(2), commit(3)]);
  });

  it.each([
    ['an end', 20, OLD, /is an end of job job: ends are proved, not marked/],
    ['an old end', 0, NEW, /is an end of job job/],
    ['a commit outside of the range', 21, OLD, /is not in the range of job job/],
    ['what contradicts another mark', 11, OLD, /cannot be old as 0{12} is marked new: .*mark that one first/],
  ])('of %s is refused, and changes nothing', (_, n, verdict, words) => {
    const rig = rigOf(20);
    proveEnds(rig, 5);
    mark(rig, 10, NEW);
    const { version } = rig.job('job');
    expect(() => mark(rig, n, verdict)).toThrow(words);
    expect(rig.job('job').version).toBe(version);
  });

  it('that contradicts a test is refused until that one is marked', () => {
    const rig = rigOf(20);
    proveEnds(rig, 5);
    const n = parseInt(rig.held[0]!.task.commit, 16) - 1;
    rig.answer(0, FAIL);
    expect(() => mark(rig, n + 1, OLD)).toThrow(/was found new/);
    mark(rig, n, OLD);
    mark(rig, n + 1, OLD);
    rig.run(truth(n + 3));
    expect(rig.job('job').culprit).toBe(commit(n + 3));
  });

  it('of a job that is over is refused', () => {
    const rig = rigOf(4);
    rig.run(truth(2));
    expect(() => mark(rig, 2, OLD)).toThrow(/job job is over/);
    expect(() => rerun(rig, 2)).toThrow(/job job is over/);
  });

  it('stands where trials may err, and after a restart', () => {
    const rig = rigOf(40, 2, { runs: 5 });
    mark(rig, 30, OLD);
    rig.restart();
    rig.hello('agent0', { incarnation: '2' });
    rig.hello('agent1', { incarnation: '2' });
    rig.run((tested) => (tested >= commit(20) ? FAIL : PASS)); // what was marked contradicts this
    const { culprit, state } = rig.job('job');
    expect(culprit === undefined || culprit > commit(30)).toBe(true);
    expect(state).not.toBe(JobState.JOB_STATE_SEARCHING);
    expect(rig.job('job').verdicts.get(commit(30))).toBe(OLD);
  });

  it('lets the search find the culprit whenever it is true, however many there are', () => {
    const place = fc.integer({ min: 1, max: 59 });
    const marks = fc.array(fc.tuple(place, fc.integer({ min: 0, max: 30 })), { maxLength: 8 });
    fc.assert(
      fc.property(place, marks, fc.boolean(), (culprit, given, certify) => {
        const rig = rigOf(60, 2, { certify });
        const at = new Map(given.map(([n, turn]) => [turn, n]));
        for (let turn = 0; rig.held.length > 0; turn++) {
          const n = at.get(turn);
          if (n !== undefined && !rig.job('job').over) mark(rig, n, n >= culprit ? NEW : OLD);
          if (rig.held.length > 0) rig.answer(0, truth(culprit)(rig.held[0]!.task.commit as CommitId));
        }
        expect(rig.job('job')).toMatchObject({ state: JobState.JOB_STATE_FOUND, culprit: commit(culprit) });
      }),
      { numRuns: 60 },
    );
  });

  it('never breaks a job, whatever is marked: it ends, and at a culprit that no mark rules out', () => {
    const verdict = fc.constantFrom(OLD, NEW, SKIP);
    const marks = fc.array(fc.tuple(fc.integer({ min: 1, max: 29 }), verdict, fc.nat(12)), { maxLength: 12 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 30 }), marks, (culprit, given) => {
        const rig = rigOf(30, 2);
        const marked = new Map<number, Verdict>();
        for (let turn = 0; rig.held.length > 0 && turn < 20_000; turn++) {
          for (const [n, what, when] of given) {
            if (when !== turn || rig.job('job').over) continue;
            try {
              mark(rig, n, what);
              marked.set(n, what);
            } catch {
              // It was refused: nothing has changed.
            }
          }
          if (rig.held.length > 0) rig.answer(0, truth(culprit)(rig.held[0]!.task.commit as CommitId));
        }
        const found = rig.job('job');
        expect(found.over).toBe(true);
        if (found.culprit === undefined) return;
        for (const [n, what] of marked) {
          if (what !== SKIP) expect(found.culprit <= commit(n)).toBe(what === NEW);
        }
      }),
      { numRuns: 60 },
    );
  });
});

describe('a rerun', () => {
  it('is one more set of trials, and what is known of the commit stays', () => {
    const rig = rigOf(50, 1, { runs: 3 });
    proveEnds(rig, 20);
    rerun(rig, 50);
    const again = rig.held.findIndex(({ task }) => task.commit === commit(50));
    rig.run(truth(20));
    expect(rig.job('job').evidence.of(commit(50)).outcomes.length).toBeGreaterThanOrEqual(6);
    expect(again < 0 || rig.held.length === 0).toBe(true);
    expect(rig.job('job').culprit).toBe(commit(20));
  });

  it('is done before the job ends, and when it agrees the verdict is not told again', () => {
    const rig = rigOf(50);
    proveEnds(rig, 20);
    rerun(rig, 0);
    rig.run(truth(20));
    expect(rig.tested.filter((one) => one === commit(0))).toHaveLength(2);
    const ofOld = facts(rig, 'judged').filter(({ value }) => 'commit' in value && value.commit === commit(0));
    expect(ofOld).toHaveLength(1);
    expect(rig.job('job').culprit).toBe(commit(20));
  });

  it('that shows something else makes every trial count for itself', () => {
    const rig = rigOf(64);
    proveEnds(rig, 20);
    const tested = rig.held[0]!.task.commit as CommitId;
    rig.answer(0, tested >= commit(20) ? PASS : FAIL); // once it lies
    rerun(rig, parseInt(tested, 16) - 1);
    rig.run(truth(20));
    const { state, culprit, confidence } = rig.job('job');
    expect(state).toBe(JobState.JOB_STATE_FOUND);
    expect(culprit).toBe(commit(20));
    expect(confidence).toBeGreaterThan(0.98);
  });

  it('gives a commit that was skipped another chance', () => {
    const rig = rigOf(3);
    const broken = { kind: { $case: 'harnessBroken' as const, value: { reason: 'no /dev' } } };
    proveEnds(rig, 2);
    const tested = rig.held[0]!.task.commit as CommitId;
    rig.answer(0, broken);
    expect(rig.job('job').verdicts.get(tested)).toBe(SKIP);
    rerun(rig, parseInt(tested, 16) - 1);
    rig.run(truth(2));
    expect(rig.job('job')).toMatchObject({ state: JobState.JOB_STATE_FOUND, culprit: commit(2) });
    expect(rig.job('job').evidence.of(tested).outcomes).toHaveLength(2);
  });

  it('lifts a mark: tests decide again', () => {
    const rig = rigOf(30);
    mark(rig, 15, OLD);
    proveEnds(rig, 10);
    rerun(rig, 15);
    rig.run(truth(10));
    expect(rig.job('job')).toMatchObject({ state: JobState.JOB_STATE_FOUND, culprit: commit(10) });
    expect(rig.tested).toContain(commit(15));
  });

  it('of a commit that is being tested is refused', () => {
    const rig = rigOf(30);
    proveEnds(rig, 10);
    const n = parseInt(rig.held[0]!.task.commit, 16) - 1;
    expect(() => rerun(rig, n)).toThrow(/agent0 tests .* just now; rerun it when that is done/);
  });

  it('survives a restart before it is done', () => {
    const rig = rigOf(30, 2);
    proveEnds(rig, 10);
    rerun(rig, 30);
    rig.restart();
    for (const name of ['agent0', 'agent1']) rig.hello(name, { incarnation: '2' });
    rig.run(truth(10));
    expect(rig.job('job').culprit).toBe(commit(10));
    expect(rig.job('job').evidence.of(commit(30)).outcomes.length).toBeGreaterThanOrEqual(2);
  });
});
