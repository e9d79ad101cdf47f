import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BootTest, JobState, Mode, Verdict, type JobSpec } from '@kbisect/shared/gen/kbisect/v1/job';
import { BuildResult, Capabilities, type Task } from '@kbisect/shared/gen/kbisect/v1/session';
import type { CommitId } from '@kbisect/shared/ids';
import { filesInCrash } from '../search/priors.js';
import { seededRandom } from '../search/random.js';
import { commit, FAIL, PASS, Rig, straightRange, straightSpec, type Answer } from './rig.js';

/** Trials that fail at one rate before the culprit and at another from it on. */
function failing(culprit: number, onOld: number, onNew: number, seed: number): (tested: CommitId) => Answer {
  const random = seededRandom(seed);
  return (tested) => () => (random() < (tested >= commit(culprit) ? onNew : onOld) ? FAIL : PASS);
}

function rigWith(size: number, agents: number, more: Partial<JobSpec>): Rig {
  const rig = new Rig();
  for (let n = 0; n < agents; n++) {
    rig.hello(`agent${n}`, { capabilities: Capabilities.fromPartial({ arches: ['x86_64'] }) });
  }
  rig.submit('job', straightSpec(size, more), straightRange(size));
  return rig;
}

const boot: JobSpec['test'] = { $case: 'boot', value: BootTest.fromPartial({ arch: 'x86_64' }) };

describe('a bug that shows only sometimes', () => {
  it('is found, with a confidence that is kept, in far fewer trials than runs for every commit', () => {
    let right = 0;
    let trials = 0;
    for (let seed = 0; seed < 20; seed++) {
      const culprit = 1 + ((seed * 37) % 200);
      const rig = rigWith(200, 1 + (seed % 4), { runs: 10 });
      rig.run(failing(culprit, 0, 0.5, seed));
      const job = rig.job('job');
      if (job.reason !== '') continue; // the new end passed ten times
      expect(job.state).toBe(JobState.JOB_STATE_FOUND);
      expect(job.confidence).toBeGreaterThanOrEqual(0.99);
      trials += job.evidence.trials;
      if (job.culprit === commit(culprit)) right++;
    }
    expect(right).toBeGreaterThanOrEqual(19);
    expect(trials / 20).toBeLessThan(75);
  });

  it('of which good commits sometimes fail too, is found all the same', () => {
    let right = 0;
    for (let seed = 0; seed < 20; seed++) {
      const rig = rigWith(60, 2, { runs: 10 });
      rig.run(failing(1 + ((seed * 17) % 60), 0.1, 0.8, seed));
      const job = rig.job('job');
      if (job.state === JobState.JOB_STATE_FOUND && job.culprit === commit(1 + ((seed * 17) % 60))) right++;
    }
    expect(right).toBeGreaterThanOrEqual(18);
  });

  it('is looked for the other way round when its fix is', () => {
    let right = 0;
    for (let seed = 0; seed < 10; seed++) {
      const rig = rigWith(60, 2, { runs: 10, mode: Mode.MODE_FIX, test: boot });
      rig.run(failing(1 + seed * 5, 0.5, 0, seed));
      const job = rig.job('job');
      expect(job.state).toBe(JobState.JOB_STATE_FOUND);
      if (job.culprit === commit(1 + seed * 5)) right++;
    }
    expect(right).toBeGreaterThanOrEqual(9);
  });

  it('ends as a flake when old fails as often as new, before or after the ends are told apart', () => {
    const ends = Array.from({ length: 20 }, (_, seed) => {
      const rig = rigWith(60, 2, { runs: 10 });
      rig.run(failing(30, 0.5, 0.5, seed));
      return rig.job('job');
    });
    const honest = ends.filter(({ state }) => state === JobState.JOB_STATE_NO_DIFFERENCE);
    expect(honest.length).toBeGreaterThanOrEqual(18);
    for (const { reason } of honest) expect(reason).toMatch(/flake|show the same/);
  });

  it('says to try more often when single trials of both ends pass', () => {
    const rig = rigWith(10, 1, {});
    rig.run(() => PASS);
    expect(rig.job('job')).toMatchObject({
      state: JobState.JOB_STATE_NO_DIFFERENCE,
      reason: expect.stringContaining('--runs') as string,
    });
  });

  it('is noticed by verdicts that contradict each other, and then each trial is weighed', () => {
    const rig = rigWith(30, 3, {});
    // The ends, and then three commits at once, of which the two later ones contradict.
    const [first, second, third] = ((): CommitId[] => {
      rig.answer(0, FAIL);
      rig.answer(0, PASS);
      return rig.held.map(({ task }) => task.commit as CommitId).sort();
    })();
    const answer = (of: CommitId | undefined, outcome: Answer) =>
      rig.answer(
        rig.held.findIndex(({ task }) => task.commit === of),
        outcome,
      );
    const late = rig.held.find(({ task }) => task.commit === first)!;
    answer(third, PASS);
    expect([second, third].every((one) => one !== undefined)).toBe(true);
    // The first was withdrawn, as the third tells more; its result was under way all the same.
    rig.send({
      kind: 'trial',
      agent: late.agent,
      result: {
        lease: late.lease,
        seq: 0,
        commit: late.task.commit,
        outcome: FAIL,
        console: undefined,
        seconds: 1,
        image: '',
        initramfs: '',
      },
    });
    rig.run(failing(2, 0, 0.7, 5));
    const job = rig.job('job');
    expect(job).toMatchObject({ state: JobState.JOB_STATE_FOUND, culprit: commit(2) });
    expect(job.confidence).toBeGreaterThanOrEqual(0.99);
  });

  it('is the sum of its journal: a coordinator killed anywhere goes on with the same search', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 0, max: 1000 }), (culprit, seed) => {
        const [whole, killed] = [0, 1].map((kills) => {
          const rig = rigWith(40, 2, { runs: 6 });
          const oracle = failing(culprit, 0.05, 0.7, seed);
          let turn = 0;
          rig.run((tested) => {
            if (kills > 0 && turn++ % 3 === 0) {
              const before = rig.job('job').remaining;
              rig.restart();
              expect(rig.job('job').remaining).toBe(before);
              for (const name of ['agent0', 'agent1']) {
                rig.hello(name, {
                  leases: rig.held.filter(({ agent }) => agent === name).map(({ lease }) => lease),
                });
              }
            }
            return oracle(tested);
          });
          return rig.job('job');
        });
        expect(killed).toMatchObject({ state: whole!.state, culprit: whole!.culprit });
      }),
      { numRuns: 20 },
    );
  });
});

describe('verdicts at the end', () => {
  it('agree with the culprit, whatever single trials have shown', () => {
    for (let seed = 0; seed < 15; seed++) {
      const rig = rigWith(50, 3, { runs: 8 });
      rig.run(failing(20, 0.1, 0.6, seed));
      const job = rig.job('job');
      if (job.culprit === undefined) continue;
      for (const [judged, verdict] of job.verdicts) {
        expect(verdict).toBe(judged >= job.culprit ? Verdict.VERDICT_NEW : Verdict.VERDICT_OLD);
      }
      const before = commit(parseInt(job.culprit, 16) - 2);
      expect(job.verdicts.get(before), 'its parent is known to be old').toBe(Verdict.VERDICT_OLD);
    }
  });
});

/** Agents that build images which the commit's number decides, and boot them. */
function runBuilding(
  rig: Rig,
  image: (task: Task) => string,
  oracle: (tested: CommitId) => Answer,
): string[] {
  const booted: string[] = [];
  while (rig.held.length > 0) {
    const { agent, lease, task } = rig.held[0]!;
    rig.send({ kind: 'accept', agent, lease });
    const digest = image(task);
    const built = { lease, seq: 0, commit: task.commit, image: { digest, size: 1 } };
    rig.send({ kind: 'build', agent, result: BuildResult.fromPartial(built) });
    const n = rig.held.findIndex((held) => held.lease.lease === lease.lease);
    if (n < 0) continue; // withdrawn: the image is known
    booted.push(digest);
    const answer = oracle(task.commit as CommitId);
    const outcome = typeof answer === 'function' ? answer() : (answer as typeof PASS);
    const trial = { lease, seq: 1, commit: task.commit, outcome, seconds: 1, image: digest, initramfs: '' };
    rig.send({ kind: 'trial', agent, result: { ...trial, console: undefined } });
    const still = rig.held.findIndex((held) => held.lease.lease === lease.lease);
    if (still >= 0) rig.held.splice(still, 1);
    rig.send({ kind: 'task', agent, result: { lease, seq: 2, end: { $case: 'done', value: {} } } });
  }
  return booted;
}

describe('equal images', () => {
  const numberOf = ({ commit: id }: Task) => parseInt(id, 16) - 1;

  it('are booted once, and share their verdict', () => {
    const rig = rigWith(64, 2, { test: boot });
    const booted = runBuilding(
      rig,
      (task) => `image ${Math.floor(numberOf(task) / 8)}`,
      (tested) => (tested >= commit(40) ? FAIL : PASS),
    );
    expect(rig.job('job')).toMatchObject({ state: JobState.JOB_STATE_FOUND, culprit: commit(40) });
    expect(new Set(booted).size).toBe(booted.length);
  });

  it('of old and new end the job before anything is booted twice', () => {
    const rig = rigWith(64, 1, { test: boot });
    const booted = runBuilding(
      rig,
      () => 'the same',
      () => PASS,
    );
    expect(rig.job('job')).toMatchObject({
      state: JobState.JOB_STATE_NO_DIFFERENCE,
      reason: expect.stringContaining('the same image') as string,
    });
    expect(booted).toHaveLength(1);
  });
});

describe('suspects', () => {
  it('shorten the search when they are right, and cost at most two tests when they are wrong', () => {
    const tests = (culprit: number, suspects: readonly number[]) => {
      const rig = new Rig();
      rig.hello('agent');
      const range = { ...straightRange(256), suspects: [{ commits: suspects, weight: 100 }] };
      rig.submit('job', straightSpec(256), range);
      rig.run((tested) => (tested >= commit(culprit) ? FAIL : PASS));
      expect(rig.job('job').culprit).toBe(commit(culprit));
      return rig.tested.length - 2;
    };
    // The place of commit n in the range is n - 1.
    expect(tests(100, [99])).toBeLessThanOrEqual(3);
    for (const culprit of [1, 60, 128, 200, 256]) expect(tests(culprit, [99])).toBeLessThanOrEqual(8 + 2);
  });
});

describe('a crash', () => {
  it('makes the commits likelier that touch what its stack trace names', () => {
    const rig = new Rig();
    rig.hello('agent');
    rig.crashSuspects = [{ commits: [99], weight: 100 }];
    rig.submit('job', straightSpec(256), straightRange(256));
    const crash = { kind: { $case: 'crash' as const, value: { signature: 'BUG: x' } } };
    const console = { digest: 'c'.repeat(64), size: 1 };
    for (const [outcome, of] of [
      [crash, 256],
      [PASS, 0],
    ] as const) {
      const held = rig.held.findIndex(({ task }) => task.commit === commit(of));
      const { agent, lease, task } = rig.held[held]!;
      const trial = {
        lease,
        seq: 0,
        commit: task.commit,
        outcome,
        console,
        seconds: 1,
        image: '',
        initramfs: '',
      };
      rig.send({ kind: 'trial', agent, result: trial });
      rig.held.splice(held, 1);
      rig.send({ kind: 'task', agent, result: { lease, seq: 1, end: { $case: 'done', value: {} } } });
    }
    rig.run((tested) => (tested >= commit(100) ? crash : PASS));
    expect(rig.job('job').culprit).toBe(commit(100));
    expect(rig.tested.length - 2).toBeLessThanOrEqual(3);
  });

  it('names files from its first words on, not those that the boot before it named', () => {
    const text = 'init/main.c:1\nBUG: bad\n foo+0x1/0x2 fs/ext4/inode.c:77\n';
    expect(filesInCrash(text)).toEqual(['fs/ext4/inode.c']);
  });
});

describe('a range that paths limit', () => {
  it('ends without a culprit when its last commit turns out to be old', () => {
    const rig = new Rig();
    rig.hello('agent');
    // New is a commit that touches none of the paths; what did it does not either.
    rig.submit('job', straightSpec(8, { new: commit(1000), pathspecs: ['fs'] }), straightRange(8));
    rig.run((tested) => (tested >= commit(500) ? FAIL : PASS));
    expect(rig.job('job')).toMatchObject({
      state: JobState.JOB_STATE_NO_DIFFERENCE,
      reason: expect.stringContaining('no commit of the given paths') as string,
    });
    expect(rig.tested).toContain(commit(8));
  });

  it('names its last commit once that is seen to be new', () => {
    const rig = new Rig();
    rig.hello('agent');
    rig.submit('job', straightSpec(8, { new: commit(1000), pathspecs: ['fs'] }), straightRange(8));
    rig.run((tested) => (tested >= commit(8) ? FAIL : PASS));
    expect(rig.job('job')).toMatchObject({ state: JobState.JOB_STATE_FOUND, culprit: commit(8) });
  });
});
