import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Check, CheckKind, CheckResult, JobState, Verdict } from '@kbisect/shared/gen/kbisect/v1/job';
import { commitId, type CommitId } from '@kbisect/shared/ids';
import { RevListParser, type CommitGraph } from '../search/graph.js';
import { history, record } from './building-rig.js';
import { commit, FAIL, PASS, Rig, straightRange, straightSpec } from './rig.js';

const REVERTED = commitId('e'.repeat(40));

/** Checks of a culprit on a straight range, as git makes them. */
function checksOf(culprit: CommitId, revert: Partial<Check> = {}): Check[] {
  const parent = commit(parseInt(culprit, 16) - 2);
  const old = { expected: Verdict.VERDICT_OLD };
  return [
    { kind: CheckKind.CHECK_KIND_CULPRIT, of: culprit, commit: culprit, expected: Verdict.VERDICT_NEW },
    { kind: CheckKind.CHECK_KIND_PARENT, of: parent, commit: parent, ...old },
    {
      kind: CheckKind.CHECK_KIND_REVERT,
      of: culprit,
      commit: REVERTED,
      name: 'the new end',
      ...old,
      ...revert,
    },
  ].map((check) => Check.fromPartial(check));
}

function rigOf(size: number, agents: number, more: Parameters<typeof straightSpec>[1] = {}): Rig {
  const rig = new Rig();
  rig.checks = (culprit) => checksOf(culprit);
  for (let n = 0; n < agents; n++) rig.hello(`agent${n}`);
  rig.submit('job', straightSpec(size, { certify: true, ...more }), straightRange(size));
  return rig;
}

/** Old before the culprit, new from it on; the new end with the culprit reverted is old. */
const truth = (culprit: number) => (tested: CommitId) =>
  tested !== REVERTED && tested >= commit(culprit) ? FAIL : PASS;

const results = (rig: Rig) => rig.job('job').certificate.states.map(({ result }) => result);

describe('a culprit', () => {
  it('is named when it, its parents and its revert show what they should, each tried once more', () => {
    const rig = rigOf(40, 3);
    rig.run(truth(23));
    expect(rig.job('job')).toMatchObject({ state: JobState.JOB_STATE_FOUND, culprit: commit(23) });
    expect(results(rig)).toEqual(Array(3).fill(CheckResult.CHECK_RESULT_PASS));
    expect(rig.tested.slice(-3).sort()).toEqual([commit(22), commit(23), REVERTED].sort());
  });

  it('is tried again by another agent than the one that tried it first, where there is one, and built anew', () => {
    const rig = rigOf(40, 3);
    const by = new Map<CommitId, string[]>();
    const clean: CommitId[] = [];
    rig.run((tested) => {
      const held = rig.held.find(({ task }) => task.commit === tested);
      if (held?.task.clean === true) clean.push(tested);
      by.set(tested, [...(by.get(tested) ?? []), held?.agent ?? '']);
      return truth(23)(tested);
    });
    for (const tested of [commit(22), commit(23)]) {
      const [first, again] = by.get(tested)!;
      expect(again).not.toBe(first);
    }
    expect(clean).toEqual([commit(23)]);
    const alone = rigOf(40, 1);
    alone.run(truth(23));
    expect(alone.job('job')).toMatchObject({ state: JobState.JOB_STATE_FOUND, culprit: commit(23) });
  });

  it('that one wrong trial made is caught, and the search ends on the right one, whichever trial lied and whoever is first', () => {
    fc.assert(
      fc.property(
        fc
          .integer({ min: 4, max: 40 })
          .chain((size) =>
            fc.tuple(
              fc.constant(size),
              fc.integer({ min: 1, max: size }),
              fc.integer({ min: 1, max: size - 1 }),
            ),
          ),
        fc.integer({ min: 1, max: 4 }),
        fc.array(fc.nat(3), { minLength: 1, maxLength: 5 }),
        ([size, culprit, liar], agents, picks) => {
          const rig = rigOf(size, agents);
          let lied = false;
          let turn = 0;
          rig.run(
            (tested) => {
              const honest = truth(culprit)(tested);
              if (lied || tested !== commit(liar)) return honest;
              lied = true;
              return honest === PASS ? FAIL : PASS;
            },
            (n) => picks[turn++ % picks.length]! % n,
          );
          expect(rig.job('job')).toMatchObject({
            state: JobState.JOB_STATE_FOUND,
            culprit: commit(culprit),
          });
        },
      ),
      { numRuns: 100 },
    );
  });

  it('that a lie has made is found out by its own trials, however soon its revert fails', () => {
    const rig = rigOf(2, 3);
    let lied = false;
    // The last check is always done first.
    rig.run(
      (tested) => {
        if (lied || tested !== commit(1)) return truth(2)(tested);
        lied = true;
        return FAIL;
      },
      (n) => n - 1,
    );
    expect(rig.job('job')).toMatchObject({ state: JobState.JOB_STATE_FOUND, culprit: commit(2) });
  });

  it('whose revert changes nothing is not named', () => {
    const rig = rigOf(40, 2);
    rig.run((tested) => (tested === REVERTED ? FAIL : truth(23)(tested)));
    expect(rig.job('job')).toMatchObject({
      state: JobState.JOB_STATE_AMBIGUOUS,
      culprit: undefined,
      candidates: [commit(23)],
      reason: expect.stringContaining('the new end with 000000000000 reverted is old: fail') as string,
    });
  });

  it('whose revert conflicts is named all the same, and the files are told', () => {
    const rig = rigOf(40, 2);
    const conflict = { commit: '', impossible: 'the revert conflicts in a.c', conflicts: ['a.c'] };
    rig.checks = (culprit) => checksOf(culprit, conflict);
    rig.run(truth(23));
    expect(rig.job('job')).toMatchObject({ state: JobState.JOB_STATE_FOUND, culprit: commit(23) });
    expect(rig.job('job').certificate.latest.at(-1)).toMatchObject({
      result: CheckResult.CHECK_RESULT_NOT_POSSIBLE,
      detail: 'the revert conflicts in a.c',
    });
  });

  it('whose revert cannot be configured is named all the same: only the check has ended', () => {
    const rig = rigOf(40, 2);
    const refused = { $case: 'refused' as const, value: { reason: 'CONFIG_X (asked y, became n)' } };
    rig.run((tested) => (tested === REVERTED ? refused : truth(23)(tested)));
    expect(rig.job('job')).toMatchObject({ state: JobState.JOB_STATE_FOUND, culprit: commit(23) });
    expect(rig.job('job').certificate.latest.at(-1)).toMatchObject({
      result: CheckResult.CHECK_RESULT_NOT_POSSIBLE,
      detail: 'CONFIG_X (asked y, became n)',
    });
  });

  it('is tried so often, where trials may disagree, that its trouble would have shown', () => {
    const rig = rigOf(16, 2, { runs: 10 });
    let trials = 0;
    // It fails in two of three trials.
    rig.run((tested) => (truth(9)(tested) === PASS ? PASS : () => (trials++ % 3 === 0 ? PASS : FAIL)));
    expect(rig.job('job')).toMatchObject({ state: JobState.JOB_STATE_FOUND, culprit: commit(9) });
    const reverted = rig.job('job').certificate.latest.find(({ check }) => check.commit === REVERTED);
    expect(reverted?.outcomes.length).toBeGreaterThan(2);
  });

  it('is certified by a coordinator that died and began again in the middle of it', () => {
    const rig = rigOf(30, 2);
    let restarts = 0;
    rig.run((tested) => {
      if (rig.job('job').state === JobState.JOB_STATE_CERTIFYING && restarts < 4) {
        restarts += 1;
        rig.restart();
        for (const name of ['agent0', 'agent1'])
          rig.hello(name, {
            leases: rig.held.filter((held) => held.agent === name).map((held) => held.lease),
          });
      }
      return truth(11)(tested);
    });
    expect(restarts).toBeGreaterThan(1);
    expect(rig.job('job')).toMatchObject({ state: JobState.JOB_STATE_FOUND, culprit: commit(11) });
    expect(results(rig)).toEqual(Array(3).fill(CheckResult.CHECK_RESULT_PASS));
  });
});

/** A graph of lines `commit parents...`, the last commit first. */
function graphOf(lines: readonly (readonly number[])[]): CommitGraph {
  const parser = new RevListParser();
  for (const line of lines) parser.push(Buffer.from(`${line.map((n) => commit(n)).join(' ')}\n`));
  return parser.end();
}

describe('a culprit that does not build', () => {
  it('is named by its descendants on two lines, and its own check is said to be impossible', () => {
    const graph = graphOf([
      [4, 2, 3],
      [3, 1],
      [2, 1],
      [1, 0],
    ]);
    const rig = new Rig();
    const image = (id: CommitId) => (id === commit(1) ? undefined : `image ${id}`);
    rig.kernels = { changes: history([]), image, record };
    rig.checks = (culprit) => checksOf(culprit);
    rig.hello('agent', { slots: 2 });
    rig.submit('job', straightSpec(4, { certify: true }), { graph, mergeBases: [], suspects: [] });
    rig.run(truth(1));
    expect(rig.job('job')).toMatchObject({ state: JobState.JOB_STATE_FOUND, culprit: commit(1) });
    expect(results(rig)).toEqual([
      CheckResult.CHECK_RESULT_NOT_POSSIBLE,
      CheckResult.CHECK_RESULT_PASS,
      CheckResult.CHECK_RESULT_PASS,
    ]);
  });
});

describe('a culprit that is a merge', () => {
  it('is named with its pair, by a coordinator that dies after every answer too', () => {
    // 1, 2, 3 are one side and 4, 5, 6 the other; what 2 and 5 do is bad only together.
    const graph = graphOf([
      [7, 3, 6],
      [6, 5],
      [5, 4],
      [4, 0],
      [3, 2],
      [2, 1],
      [1, 0],
    ]);
    for (const restarts of [false, true]) {
      const rig = new Rig();
      const made = new Map<CommitId, readonly [number, number]>();
      const numberOf = (id: string) => parseInt(id, 16) - 1;
      rig.sides = {
        kind: 'sides',
        one: graphOf([
          [3, 2],
          [2, 1],
          [1, 0],
        ]),
        other: graphOf([
          [6, 5],
          [5, 4],
          [4, 0],
        ]),
      };
      rig.merge = ({ of, onto }) => {
        const [a, b] = [numberOf(of), numberOf(onto)].sort((x, y) => x - y);
        const id = commitId(`d${String(10 * a! + b!).padStart(39, '0')}`);
        made.set(id, [a!, b!]);
        return Check.fromPartial({ kind: CheckKind.CHECK_KIND_PAIR, of, onto, commit: id });
      };
      rig.checks = (culprit) => [
        ...checksOf(culprit).filter(({ kind }) => kind !== CheckKind.CHECK_KIND_PARENT),
        ...[3, 6].map((n) =>
          Check.fromPartial({
            kind: CheckKind.CHECK_KIND_PARENT,
            of: commit(n),
            commit: commit(n),
            expected: Verdict.VERDICT_OLD,
          }),
        ),
      ];
      for (const name of ['agent0', 'agent1']) rig.hello(name);
      const spec = straightSpec(7, { certify: true });
      rig.submit('job', spec, { graph, mergeBases: [], suspects: [] });
      rig.run((tested) => {
        if (restarts) {
          rig.restart();
          for (const name of ['agent0', 'agent1'])
            rig.hello(name, {
              leases: rig.held.filter((held) => held.agent === name).map((held) => held.lease),
            });
        }
        const [one, other] = made.get(tested) ?? [0, 0];
        return tested === commit(7) || (one >= 2 && other >= 5) ? FAIL : PASS;
      });
      expect(rig.job('job')).toMatchObject({
        state: JobState.JOB_STATE_FOUND,
        culprit: commit(7),
        pair: [commit(2), commit(5)],
      });
    }
  });
});
