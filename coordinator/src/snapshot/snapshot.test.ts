import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { digestOf, type Digest } from '@kbisect/shared/digest';
import { Check, CheckKind, JobState, Verdict, type JobEvent } from '@kbisect/shared/gen/kbisect/v1/job';
import { Capabilities } from '@kbisect/shared/gen/kbisect/v1/session';
import { jobId, type CommitId, type JobId } from '@kbisect/shared/ids';
import { JobPins } from '../cache/job-pins.js';
import { bisectLogOf } from '../report/bisect-log-of.js';
import { inShort, summaryOf } from '../report/summary.js';
import { buildingRig, buildSpec, CONSUMED, DOCS, numberOf } from '../scheduler/building-rig.js';
import { Farm } from '../scheduler/farm.js';
import { PastJob } from '../scheduler/past-job.js';
import { commit, FAIL, PASS, Rig, straightRange, straightSpec, type Answer } from '../scheduler/rig.js';
import { DEFAULT_TIMING } from '../scheduler/timing.js';
import { SlotHistory } from '../slot-history.js';
import { wholeJob } from '../whole-job.js';
import { makeSnapshot } from './make-snapshot.js';
import { decodeSnapshot, encodeSnapshot } from './stored-snapshots.js';

const SIZE = 12;
const nameless = () => Promise.resolve('');

/** What happens to a job: its tests, and what people do. */
const plan = fc.record({
  culprit: fc.integer({ min: 1, max: SIZE }),
  runs: fc.constantFrom(1, 1, 3),
  certify: fc.boolean(),
  audit: fc.constantFrom(undefined, 1),
  /** What comes of the tests besides the truth, one after the other. */
  odd: fc.array(fc.constantFrom('truth', 'truth', 'truth', 'lie', 'untestable', 'failed', 'silence'), {
    maxLength: 40,
  }),
  marked: fc.option(fc.integer({ min: 1, max: SIZE - 1 })),
  /** After so many answers. */
  cancelled: fc.option(fc.integer({ min: 0, max: 12 })),
});
type Plan = typeof plan extends fc.Arbitrary<infer P> ? P : never;

/** A farm that has done jobs, the last of which may still run. */
function played(plans: readonly Plan[], builds: boolean): Rig {
  const paths = Array.from({ length: SIZE }, (_, n) => (n % 3 === 1 ? DOCS : CONSUMED));
  const rig = builds ? buildingRig(paths) : new Rig();
  if (!builds) for (const name of ['agent0', 'agent1']) rig.hello(name);
  const { kernels } = rig;
  if (kernels)
    rig.kernels = {
      ...kernels,
      image: (of, fixups, settings) => digestOf(kernels.image(of, fixups, settings) ?? ''),
    };
  for (const [n, { culprit, runs, certify, audit, odd, marked, cancelled }] of plans.entries()) {
    const name = `job${n}`;
    const more = { runs, certify, audit };
    rig.checks = (of) => [
      Check.fromPartial({
        kind: CheckKind.CHECK_KIND_CULPRIT,
        of,
        commit: of,
        expected: Verdict.VERDICT_NEW,
      }),
    ];
    rig.submit(name, builds ? buildSpec(SIZE, more) : straightSpec(SIZE, more), straightRange(SIZE));
    for (let turn = 0; rig.held.length > 0 && turn < 2000; turn++) {
      rig.now += 10;
      if (turn === cancelled) rig.send({ kind: 'cancel', job: jobId(name) });
      if (turn === 2 && marked !== null) mark(rig, name, marked);
      if (rig.held.length > 0)
        rig.answer(0, answerTo(rig.held[0]!.task.commit as CommitId, culprit, odd[turn]));
    }
  }
  return rig;
}

function mark(rig: Rig, name: string, marked: number): void {
  const job = rig.job(name);
  try {
    rig.send({ kind: 'mark', job: job.id, commit: commit(marked), verdict: Verdict.VERDICT_SKIP, by: 'ada' });
  } catch {
    // The job is over, or it contradicts what is known.
  }
}

function answerTo(tested: CommitId, culprit: number, odd: string | undefined): Answer {
  const isNew = numberOf(tested) >= culprit;
  switch (odd) {
    case 'lie':
      return isNew ? PASS : FAIL;
    case 'untestable':
      return { kind: { $case: 'untestable', value: { reason: 'no' } } };
    case 'failed':
      return { $case: 'failed', value: { reason: 'no disk', unfit: false } };
    case 'silence':
      return 'silence';
    case 'truth':
    case undefined:
    default:
      return isNew ? FAIL : PASS;
  }
}

/** A farm that has come back, with what is beside it. */
interface Back {
  readonly farm: Farm;
  /** How many jobs keep each blob. */
  readonly pinned: ReadonlyMap<Digest, number>;
  readonly history: SlotHistory;
}

function comeBack({ journal, now }: Rig, withSnapshots: boolean): Back {
  const farm = new Farm(DEFAULT_TIMING, () => 'id-of-after');
  const pinned = new Map<Digest, number>();
  const count = (blob: Digest, more: number) => {
    const now = (pinned.get(blob) ?? 0) + more;
    if (now === 0) pinned.delete(blob);
    else pinned.set(blob, now);
  };
  const pins = new JobPins({ pin: (blob) => count(blob, 1), unpin: (blob) => count(blob, -1) });
  const history = new SlotHistory();
  for (const [job, events] of journal) {
    const made = withSnapshots ? makeSnapshot(job, events) : undefined;
    const end = { job, version: events.length, last: events.at(-1)! };
    const snapshot = made && decodeSnapshot(encodeSnapshot(made), end);
    expect(snapshot !== undefined).toBe(made !== undefined);
    if (snapshot) {
      farm.restore(job, snapshot);
      pins.restore(snapshot.kept);
      history.recall(job, snapshot, now);
    } else {
      farm.replay(job, events, now);
      pins.take(job, events);
      history.take(job, events);
    }
  }
  return { farm, pinned, history };
}

/** All that a farm answers of its jobs, and what it does next. */
async function answersOf({ farm, pinned, history }: Back, rig: Rig, builds: boolean) {
  const read = (job: JobId): Promise<JobEvent[]> => Promise.resolve(rig.journal.get(job) ?? []);
  const jobs = [...farm.jobs.values()];
  const short = await Promise.all(jobs.map((job) => summaryOf(job, farm, nameless)));
  const whole = await Promise.all(
    jobs.map(async (known) => {
      const job = await wholeJob(known, { read });
      const { evidence, certificate, verdicts, proof, standing, pair, marked } = job;
      const tested = [...evidence.commits];
      return {
        ...inShort(job),
        ...{ over: job.over, verdicts, proof, standing, pair, marked, checks: certificate.states },
        evidence: tested.map((one) => ({ commit: one, ...evidence.of(one), mark: job.markOf(one) })),
        twins: evidence.twins,
        log: await bisectLogOf(job, nameless),
      };
    }),
  );
  const after = new Rig();
  after.farm = farm;
  after.kernels = rig.kernels;
  after.hello('after', builds ? { capabilities: Capabilities.fromPartial({ arches: ['x86_64'] }) } : {});
  const probe = after.submit(
    'probe',
    builds ? buildSpec(SIZE) : straightSpec(SIZE, { title: 'probe' }),
    straightRange(SIZE),
  );
  const known = probe.prediction && {
    builds: [...probe.prediction.builds.all],
    recipes: [...probe.prediction.builds.recipes],
  };
  const epoch = Math.max(...after.held.map(({ lease }) => lease.epoch));
  return { short, whole, running: [...farm.running.keys()], pinned, spans: history.since(0), known, epoch };
}

describe('a farm that comes back', () => {
  it.each([
    ['of commands', false],
    ['of boots', true],
  ])('knows the same of jobs %s by their snapshots as by their events', async (_, builds) => {
    let restored = 0;
    const states = new Set<JobState>();
    await fc.assert(
      fc.asyncProperty(fc.array(plan, { minLength: 1, maxLength: 3 }), async (plans) => {
        const rig = played(plans, builds);
        const [replayed, shortcut] = [comeBack(rig, false), comeBack(rig, true)];
        for (const job of shortcut.farm.jobs.values()) {
          expect(job instanceof PastJob).toBe(job.over);
          if (job.over) states.add(job.state);
          restored += Number(job.over);
        }
        expect(await answersOf(shortcut, rig, builds)).toEqual(await answersOf(replayed, rig, builds));
      }),
      { numRuns: 60 },
    );
    expect(restored).toBeGreaterThan(30);
    expect(states).toContain(JobState.JOB_STATE_FOUND);
    expect(states).toContain(JobState.JOB_STATE_CANCELLED);
  });
});

describe('a job that is over', () => {
  it.each([
    ['of commands', false],
    ['of boots', true],
  ])(
    '%s is no more than its snapshot in memory, and what was under way for it comes too late',
    (_, builds) => {
      const rig = builds ? buildingRig(Array.from({ length: SIZE }, () => CONSUMED)) : new Rig();
      if (!builds) rig.hello('agent');
      const id = jobId('job');
      rig.submit('job', builds ? buildSpec(SIZE) : straightSpec(SIZE), straightRange(SIZE));
      rig.run((tested) => (numberOf(tested) >= 5 ? FAIL : PASS));
      rig.farm.shorten(id, makeSnapshot(id, rig.journal.get(id)!)!);
      expect(rig.farm.jobs.get(id)).toMatchObject({ over: true, state: JobState.JOB_STATE_FOUND });
      expect(rig.farm.jobs.get(id)).toBeInstanceOf(PastJob);

      const before = rig.journal.get(id)!.length;
      rig.send({ kind: 'range', job: id, range: straightRange(SIZE) });
      rig.send({ kind: 'changes', job: id, changes: undefined });
      rig.send({ kind: 'record', job: id, digest: 'of a record', record: undefined });
      rig.send({ kind: 'suspects', job: id, suspects: [] });
      rig.send({ kind: 'checks', job: id, culprit: commit(5), checks: [] });
      rig.send({ kind: 'range-unreadable', job: id, reason: 'git is gone' });
      rig.send({ kind: 'cancel', job: id });
      expect(rig.journal.get(id)).toHaveLength(before);
      const mark = {
        kind: 'mark',
        job: id,
        commit: commit(3),
        verdict: Verdict.VERDICT_SKIP,
        by: 'ada',
      } as const;
      expect(() => rig.send(mark)).toThrow('job job is over; submit it again');
    },
  );
});
