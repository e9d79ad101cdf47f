import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BootTest, JobState, Mode, Priority, Verdict } from '@kbisect/shared/gen/kbisect/v1/job';
import { Capabilities } from '@kbisect/shared/gen/kbisect/v1/session';
import { agentName, commitId, type CommitId } from '@kbisect/shared/ids';
import { seededRandom } from '../search/random.js';
import { commit, FAIL, PASS, Rig, straightRange, straightSpec, type Answer } from './rig.js';

/** Old before the culprit, new from it on. */
function brokenFrom(culprit: number): (tested: CommitId) => Answer {
  return (tested) => (tested >= commit(culprit) ? FAIL : PASS);
}

/** A rig with one job over `size` commits and so many agents. */
function rigWith(size: number, agents: number, more: Parameters<typeof straightSpec>[1] = {}): Rig {
  const rig = new Rig();
  for (let n = 0; n < agents; n++) rig.hello(`agent${n}`);
  rig.submit('job', straightSpec(size, more), straightRange(size));
  return rig;
}

describe('a bisection', () => {
  it('finds the culprit, whatever it is, with any number of agents answering in any order', () => {
    fc.assert(
      fc.property(
        fc
          .integer({ min: 1, max: 120 })
          .chain((size) => fc.tuple(fc.constant(size), fc.integer({ min: 1, max: size }))),
        fc.integer({ min: 1, max: 9 }),
        fc.infiniteStream(fc.nat()),
        ([size, culprit], agents, picks) => {
          const rig = rigWith(size, agents);
          rig.run(brokenFrom(culprit), (n) => Number(picks.next().value) % n);
          expect(rig.job('job')).toMatchObject({ state: JobState.JOB_STATE_FOUND, culprit: commit(culprit) });
        },
      ),
      { numRuns: 200 },
    );
  });

  it('tells agents what a trial of the old end takes, once it is known', () => {
    const rig = rigWith(20, 1);
    const told: (number | undefined)[] = [];
    rig.run((tested) => {
      const held = rig.held.find(({ task }) => task.commit === tested);
      if (held) told.push(held.task.usualSeconds);
      return brokenFrom(7)(tested);
    });
    expect(told.length).toBeGreaterThan(3);
    expect(told[0]).toBeUndefined();
    expect(told.at(-1)).toBeGreaterThan(0);
  });

  it('is the sum of its journal: a coordinator killed anywhere carries on, and tests nothing twice', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), fc.infiniteStream(fc.nat(3)), (culprit, chances) => {
        const rig = rigWith(60, 3);
        rig.run((tested) => {
          if (chances.next().value === 0) {
            rig.restart();
            // The agents come back with what they still work on.
            for (const name of ['agent0', 'agent1', 'agent2']) {
              rig.hello(name, {
                leases: rig.held.filter((held) => held.agent === name).map((held) => held.lease),
              });
            }
          }
          return brokenFrom(culprit)(tested);
        });
        expect(rig.job('job')).toMatchObject({ state: JobState.JOB_STATE_FOUND, culprit: commit(culprit) });
        expect(new Set(rig.tested).size).toBe(rig.tested.length);
      }),
      { numRuns: 50 },
    );
  });

  it('needs no more than log2 n tests and the ends with one agent', () => {
    const rig = rigWith(128, 1);
    rig.run(brokenFrom(77));
    expect(rig.tested.length).toBeLessThanOrEqual(2 + 7);
  });

  it('repeats the trials of a commit as often as asked, and one failure is enough', () => {
    const rig = rigWith(10, 1, { runs: 3 });
    rig.run(brokenFrom(4));
    expect(rig.job('job').culprit).toBe(commit(4));
    expect(rig.job('job').evidence.of(commit(0)).outcomes).toHaveLength(3);
  });
});

describe('the ends', () => {
  it.each([
    {
      what: 'both pass',
      old: PASS,
      neu: PASS,
      mode: Mode.MODE_REGRESSION,
      state: JobState.JOB_STATE_NO_DIFFERENCE,
      reason: 'the same',
    },
    {
      what: 'both fail',
      old: FAIL,
      neu: FAIL,
      mode: Mode.MODE_REGRESSION,
      state: JobState.JOB_STATE_NO_DIFFERENCE,
      reason: 'the same',
    },
    {
      what: 'old fails and new passes',
      old: FAIL,
      neu: PASS,
      mode: Mode.MODE_REGRESSION,
      state: JobState.JOB_STATE_ABORTED,
      reason: '--fixed',
    },
    {
      what: 'new cannot be built',
      old: PASS,
      neu: { kind: { $case: 'untestable' as const, value: { reason: 'asked for' } } },
      mode: Mode.MODE_REGRESSION,
      state: JobState.JOB_STATE_ABORTED,
      reason: 'cannot be proved',
    },
  ])('stop the job cheaply when $what', ({ old, neu, mode, state, reason }) => {
    const rig = rigWith(100, 2, { mode });
    rig.run((tested) => (tested === commit(0) ? old : neu));
    expect(rig.job('job')).toMatchObject({ state, reason: expect.stringContaining(reason) as string });
    expect(rig.tested).toHaveLength(2);
  });

  it('of a fix search are broken and fixed', () => {
    const boot = BootTest.fromPartial({ arch: 'x86_64' });
    const rig = new Rig();
    rig.hello('agent', {
      capabilities: Capabilities.fromPartial({ arches: ['x86_64'], accelerator: 'tcg' }),
    });
    rig.submit(
      'job',
      straightSpec(50, { mode: Mode.MODE_FIX, test: { $case: 'boot', value: boot } }),
      straightRange(50),
    );
    rig.run((tested) => (tested >= commit(33) ? PASS : FAIL));
    expect(rig.job('job').culprit).toBe(commit(33));
  });

  it('include the merge base when old is not an ancestor of new', () => {
    const base = commit(1000);
    const rig = new Rig();
    rig.hello('agent');
    rig.submit('job', straightSpec(9), { ...straightRange(9), mergeBases: [base] });
    rig.run((tested) => (tested === base ? FAIL : brokenFrom(5)(tested)));
    expect(rig.job('job')).toMatchObject({
      state: JobState.JOB_STATE_ABORTED,
      reason: expect.stringContaining('merge base') as string,
    });
  });
});

describe('where trials may disagree', () => {
  it('no lease is given out only to be withdrawn again', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 30 }), fc.infiniteStream(fc.nat()), (culprit, picks) => {
        const rig = rigWith(30, 9, { runs: 2 });
        rig.run(brokenFrom(culprit), (n) => Number(picks.next().value) % n);
        expect(rig.job('job')).toMatchObject({ state: JobState.JOB_STATE_FOUND, culprit: commit(culprit) });
        const offers = rig.effects.filter(({ kind }) => kind === 'offer').length;
        const withdrawn = rig.effects.filter(({ kind }) => kind === 'withdraw').length;
        expect(withdrawn).toBeLessThan(offers / 2);
      }),
      { numRuns: 10 },
    );
  });
});

describe('agents', () => {
  it('that vanish lose their leases, and the work goes elsewhere', () => {
    const rig = rigWith(100, 2);
    const lost = rig.held.findIndex((held) => held.agent === 'agent0');
    const { task } = rig.held[lost]!;
    rig.send({ kind: 'accept', agent: agentName('agent0'), lease: rig.held[lost]!.lease });
    rig.send({ kind: 'gone', agent: agentName('agent0'), incarnation: '1' });
    rig.answer(lost, 'silence');
    rig.wait(20);
    rig.run(brokenFrom(42));
    expect(rig.job('job').culprit).toBe(commit(42));
    expect(rig.tested.filter((tested) => tested === task.commit)).toHaveLength(2);
  });

  it('that are only cut off for a moment keep their work', () => {
    const rig = rigWith(100, 2);
    const leases = rig.held.filter((held) => held.agent === 'agent0').map((held) => held.lease);
    rig.send({ kind: 'gone', agent: agentName('agent0'), incarnation: '1' });
    rig.wait(5);
    rig.hello('agent0', { leases });
    rig.run(brokenFrom(42));
    expect(rig.job('job').culprit).toBe(commit(42));
    expect(new Set(rig.tested).size).toBe(rig.tested.length);
  });

  it('cannot report on leases that are not theirs, nor twice on their own', () => {
    const rig = rigWith(100, 2);
    const { lease, task, agent } = rig.held[0]!;
    const result = {
      lease,
      seq: 0,
      commit: task.commit,
      outcome: FAIL,
      console: undefined,
      seconds: 1,
      image: '',
      initramfs: '',
    };
    rig.send({ kind: 'trial', agent: agentName(agent === 'agent0' ? 'agent1' : 'agent0'), result });
    rig.send({ kind: 'trial', agent, result: { ...result, lease: { ...lease, epoch: lease.epoch + 1 } } });
    expect(rig.job('job').evidence.trials).toBe(0);
    rig.send({ kind: 'trial', agent, result });
    rig.send({ kind: 'trial', agent, result });
    expect(rig.job('job').evidence.trials).toBe(1);
  });

  it('whose results overtake each other are only told that what is in the journal is', () => {
    const rig = rigWith(100, 1, { runs: 2 });
    const { lease, task, agent } = rig.held[0]!;
    const trial = (seq: number) => {
      const { commit } = task;
      const blobs = { console: undefined, image: '', initramfs: '' };
      rig.send({
        kind: 'trial',
        agent,
        result: { lease, seq, commit, outcome: PASS, seconds: 1, ...blobs },
      });
    };
    const acknowledged = () =>
      rig.effects.flatMap((effect) => (effect.kind === 'acknowledge' ? [effect.seq] : []));
    rig.send({ kind: 'accept', agent, lease });
    trial(1);
    rig.send({ kind: 'task', agent, result: { lease, seq: 2, end: { $case: 'done', value: {} } } });
    expect(acknowledged()).toEqual([]);
    expect(rig.farm.leases.live.size).toBe(1);
    trial(0);
    trial(1);
    rig.send({ kind: 'task', agent, result: { lease, seq: 2, end: { $case: 'done', value: {} } } });
    expect(acknowledged()).toEqual([0, 1, 2]);
    expect(rig.job('job').evidence.trials).toBe(2);
  });

  it('of a name that is taken are refused', () => {
    const rig = new Rig();
    rig.hello('twin');
    expect(() => rig.hello('twin', { incarnation: '2' })).toThrow(/--name/);
  });

  it('with nothing else to do double the task of one that takes far too long; the first to tell counts', () => {
    const rig = rigWith(3, 3);
    const [slow] = rig.held.splice(0, 1);
    const { lease, agent } = slow!;
    rig.send({ kind: 'accept', agent, lease });
    for (let n = 0; n < 700 && rig.held.every(({ task }) => task.commit !== slow!.task.commit); n++) {
      rig.run((tested) => brokenFrom(2)(tested));
      rig.send({ kind: 'heartbeat', agent, leases: [lease], trees: [] });
      rig.wait(1);
    }
    rig.run(brokenFrom(2));
    expect(rig.job('job').culprit).toBe(commit(2));
    expect(rig.tested.filter((tested) => tested === slow!.task.commit)).toHaveLength(2);
    expect(rig.effects).toContainEqual({ kind: 'withdraw', agent, lease });
    expect(rig.farm.leases.live.size).toBe(0);
  });

  it('whose work stands still lose it, however often they say that they live', () => {
    const rig = rigWith(3, 1);
    const [stuck] = rig.held.splice(0, 1);
    const { lease, agent } = stuck!;
    rig.send({ kind: 'accept', agent, lease });
    for (let n = 0; n < 4000 && rig.held.length === 0; n++) {
      rig.send({ kind: 'heartbeat', agent, leases: [lease], trees: [] });
      rig.wait(1);
    }
    rig.run(brokenFrom(2));
    expect(rig.job('job').culprit).toBe(commit(2));
    expect(rig.effects).toContainEqual({ kind: 'withdraw', agent, lease });
  });

  it('that drain get no new work', () => {
    const rig = rigWith(100, 2);
    rig.send({ kind: 'drain', agent: agentName('agent0') });
    rig.run(brokenFrom(9));
    expect(rig.job('job').culprit).toBe(commit(9));
    const offers = rig.effects.filter((effect) => effect.kind === 'offer' && effect.agent === 'agent0');
    expect(offers).toHaveLength(1);
  });

  it('that are unfit for work rest, are reported, and cost no commit', () => {
    const rig = rigWith(100, 2);
    const full: Answer = { $case: 'failed', value: { reason: 'the disk is full', unfit: true } };
    for (let n = 0; n < 600; n++) {
      rig.run(() => full);
      rig.wait(1);
    }
    expect(rig.job('job').over).toBe(false);
    expect(rig.effects.filter(({ kind }) => kind === 'offer').length).toBeLessThan(50);
    expect([...rig.farm.agents.values()].map(({ failing }) => failing)).toEqual([
      'the disk is full',
      'the disk is full',
    ]);
    for (let n = 0; n < 600 && !rig.job('job').over; n++) {
      rig.run(brokenFrom(9));
      rig.wait(1);
    }
    expect(rig.job('job').culprit).toBe(commit(9));
    expect([...rig.job('job').verdicts.values()]).not.toContain(Verdict.VERDICT_SKIP);
    expect([...rig.farm.agents.values()].map(({ failing }) => failing)).toEqual([undefined, undefined]);
  });

  it('that are started anew again and again, whatever they do, cost no commit', () => {
    const rig = rigWith(100, 2);
    for (let n = 2; n < 100; n++) {
      for (const name of ['agent0', 'agent1']) {
        // Every fifth life of an agent is long enough for a test.
        const task = n % 5 === 0 ? rig.held[0]?.task : undefined;
        if (task !== undefined) rig.answer(0, brokenFrom(9)(commitId(task.commit)));
        rig.held.splice(0, rig.held.length, ...rig.held.filter(({ agent }) => agent !== name));
        rig.send({ kind: 'gone', agent: agentName(name), incarnation: String(n - 1) });
        rig.hello(name, { incarnation: String(n) });
      }
    }
    expect(rig.job('job').culprit).toBe(commit(9));
    expect([...rig.job('job').verdicts.values()]).not.toContain(Verdict.VERDICT_SKIP);
  });

  it('that are killed at random in three of ten tests cost no commit', () => {
    for (let seed = 1; seed <= 60; seed++) {
      const random = seededRandom(seed);
      const rig = rigWith(24, 3);
      for (let life = 2; rig.held.length > 0; life++) {
        const n = Math.floor(random() * rig.held.length);
        const { agent, task } = rig.held[n]!;
        if (random() < 0.7) rig.answer(n, brokenFrom(9)(commitId(task.commit)));
        else {
          rig.held.splice(n, 1);
          rig.send({ kind: 'gone', agent, incarnation: rig.farm.agents.get(agent)!.incarnation });
          rig.hello(agent, { incarnation: String(life) });
        }
      }
      expect(rig.job('job'), `seed ${seed}`).toMatchObject({ culprit: commit(9) });
    }
  });

  it('whose tasks fail rest for a while, and a commit that no one can test is skipped with its reason', () => {
    const rig = rigWith(3, 1);
    const broken: Answer = { $case: 'failed', value: { reason: 'the disk is full', unfit: false } };
    for (let n = 0; n < 200 && !rig.job('job').over; n++) {
      rig.run((tested) => (tested === commit(2) ? broken : brokenFrom(2)(tested)));
      rig.wait(1);
    }
    const job = rig.job('job');
    expect(job.state).toBe(JobState.JOB_STATE_AMBIGUOUS);
    expect(job.candidates.sort()).toEqual([commit(2), commit(3)]);
    const skipped = rig.journal
      .get(job.id)
      ?.find(({ fact }) => fact?.$case === 'judged' && fact.value.commit === commit(2));
    expect(skipped?.fact?.value).toMatchObject({
      reason: expect.stringContaining('the disk is full') as string,
    });
  });
});

describe('jobs', () => {
  it('share the agents fairly', () => {
    const rig = new Rig();
    rig.submit('one', straightSpec(1000), straightRange(1000));
    rig.submit('two', straightSpec(1000), straightRange(1000));
    for (let n = 0; n < 4; n++) rig.hello(`agent${n}`);
    expect(rig.job('one').leases.live).toHaveLength(2);
    expect(rig.job('two').leases.live).toHaveLength(2);
    rig.run(brokenFrom(321));
    expect(rig.job('one').culprit).toBe(commit(321));
    expect(rig.job('two').culprit).toBe(commit(321));
  });

  it('of one submitter share the agents by their priorities, and submitters share them evenly all the same', () => {
    const rig = new Rig();
    const submit = (name: string, submitter: string, priority: Priority) =>
      rig.submit(name, straightSpec(1000, { submitter, priority }), straightRange(1000));
    submit('normal', 'ann', Priority.PRIORITY_NORMAL);
    submit('high', 'ann', Priority.PRIORITY_HIGH);
    submit('low', 'bob', Priority.PRIORITY_LOW);
    // Before the ends are proved nothing else is tested.
    rig.hello('first', { slots: 6 });
    rig.send({ kind: 'drain', agent: agentName('first') });
    rig.run(brokenFrom(321));
    for (let n = 0; n < 10; n++) rig.hello(`agent${n}`, { slots: 2 });
    const held = (name: string) => rig.job(name).leases.liveCount;
    expect(['low', 'normal', 'high'].map(held)).toEqual([10, 2, 8]);
  });

  it('go before one of lower priority, until that one has had nothing for half an hour', () => {
    const rig = new Rig();
    const submit = (name: string, priority: Priority) =>
      rig.submit(name, straightSpec(1000, { priority }), straightRange(1000));
    submit('low', Priority.PRIORITY_LOW);
    submit('high', Priority.PRIORITY_HIGH);
    submit('another', Priority.PRIORITY_HIGH); // there is always one that would go first
    rig.hello('agent');
    const answer = () => rig.answer(0, brokenFrom(321)(commitId(rig.held[0]!.task.commit)));
    const begun = rig.now;
    const turns: string[] = [];
    while (rig.now < begun + 70 * 60_000) {
      turns.push(...rig.held.map(({ task }) => task.job));
      // A test takes five minutes, in which the agent lives.
      for (let n = 0; n < 60; n++) {
        const { agent, lease } = rig.held[0]!;
        rig.send({ kind: 'heartbeat', agent, leases: [lease], trees: [] });
        rig.wait(5);
      }
      answer();
    }
    expect(turns.map((job) => job === 'low')).toEqual(
      Array.from({ length: 14 }, (_, turn) => turn === 6 || turn === 13),
    );
  });

  it('that are refused by an agent end with its words', () => {
    const rig = rigWith(10, 1);
    rig.run(() => ({ $case: 'refused', value: { reason: "repro.c:3: error: expected ';'" } }));
    expect(rig.job('job')).toMatchObject({
      state: JobState.JOB_STATE_ABORTED,
      reason: "repro.c:3: error: expected ';'",
    });
  });

  it('that are cancelled give back their slots at once', () => {
    const rig = rigWith(100, 2);
    rig.send({ kind: 'cancel', job: rig.job('job').id });
    expect(rig.held).toEqual([]);
    expect(rig.farm.leases.live.size).toBe(0);
    expect(rig.job('job').state).toBe(JobState.JOB_STATE_CANCELLED);
  });

  it('whose range cannot be read say why', () => {
    const rig = new Rig();
    rig.submit('job', straightSpec(5), straightRange(5));
    const other = new Rig();
    other.farm.handle({ kind: 'submit', job: rig.job('job').id, spec: straightSpec(5) }, 0);
    other.farm.handle({ kind: 'range-unreadable', job: rig.job('job').id, reason: 'no such commit' }, 0);
    expect(other.job('job')).toMatchObject({ state: JobState.JOB_STATE_ABORTED, reason: 'no such commit' });
  });
});
