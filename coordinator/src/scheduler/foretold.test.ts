import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BootTest, JobState } from '@kbisect/shared/gen/kbisect/v1/job';
import { Capabilities } from '@kbisect/shared/gen/kbisect/v1/session';
import type { CommitId } from '@kbisect/shared/ids';
import { buildingRig, buildSpec, CONSUMED, DOCS, HIDDEN, history, numberOf, record } from './building-rig.js';
import { commit, FAIL, PASS, straightRange, type Rig } from './rig.js';

/** New from the culprit on. */
const newFrom = (culprit: number) => (id: CommitId) => (numberOf(id) >= culprit ? FAIL : PASS);

/** Commits of which an agent was asked for a build that nothing made needless. */
function built(rig: Rig): Set<number> {
  const facts = [...rig.journal.values()]
    .flat()
    .flatMap(({ fact }) => (fact?.$case === 'built' ? [fact.value] : []));
  return new Set(facts.filter(({ cached }) => !cached).map(({ commit: id }) => numberOf(id as CommitId)));
}

describe('a job whose builds are foretold', () => {
  it('finds the commit that made the difference, and builds each image once', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(CONSUMED, DOCS, DOCS, DOCS), { minLength: 1, maxLength: 80 }),
        fc.nat(),
        fc.integer({ min: 1, max: 4 }),
        fc.infiniteStream(fc.nat()),
        (paths, pick, agents, turns) => {
          const relevant = paths.flatMap((path, index) => (path === CONSUMED ? [index + 1] : []));
          fc.pre(relevant.length > 0);
          const culprit = relevant[pick % relevant.length]!;
          const rig = buildingRig(paths, agents);
          const job = rig.submit('job', buildSpec(paths.length), straightRange(paths.length));
          rig.run(newFrom(culprit), (n) => Number(turns.next().value) % n);
          expect(job).toMatchObject({ state: JobState.JOB_STATE_FOUND, culprit: commit(culprit) });
          // Both ends are built before anything is known of the images.
          expect(built(rig).size).toBeLessThanOrEqual(relevant.length + 2);
        },
      ),
      { numRuns: 100 },
    );
  });

  it('comes to the same end when the coordinator is killed anywhere', () => {
    const paths = Array.from({ length: 60 }, (_, n) => (n % 7 === 3 ? CONSUMED : DOCS));
    fc.assert(
      fc.property(fc.constantFrom(4, 11, 25, 53), fc.infiniteStream(fc.nat(2)), (culprit, chances) => {
        const rig = buildingRig(paths, 1);
        rig.submit('job', buildSpec(60), straightRange(60));
        rig.run((tested) => {
          if (chances.next().value === 0) {
            rig.restart();
            const leases = rig.held.map((held) => held.lease);
            rig.hello('agent0', { leases, capabilities: Capabilities.fromPartial({ arches: ['x86_64'] }) });
          }
          return newFrom(culprit)(tested);
        });
        expect(rig.job('job')).toMatchObject({ state: JobState.JOB_STATE_FOUND, culprit: commit(culprit) });
        const collapsed = rig.journal
          .get(rig.job('job').id)!
          .flatMap(({ fact }) => (fact?.$case === 'collapsed' ? [fact.value] : []));
        expect(collapsed).toEqual([{ classes: 10, commits: 61 }]);
      }),
      { numRuns: 30 },
    );
  });

  it('takes images that an earlier job has built, and builds nothing for the same question', () => {
    const paths = Array.from({ length: 40 }, (_, n) => (n % 4 === 0 ? CONSUMED : DOCS));
    const rig = buildingRig(paths, 1);
    rig.submit('one', buildSpec(40), straightRange(40));
    rig.run(newFrom(21));
    const before = built(rig);
    rig.submit('two', buildSpec(40), straightRange(40));
    rig.run(newFrom(21));
    expect(rig.job('two').culprit).toBe(commit(21));
    expect([...built(rig)]).toEqual([...before]);
  });

  it('mends itself when an audit shows a prediction to be wrong, and finds the culprit all the same', () => {
    const paths = Array.from({ length: 30 }, (_, n) => (n === 5 ? CONSUMED : n === 17 ? HIDDEN : DOCS));
    const rig = buildingRig(paths, 1);
    const job = rig.submit('job', buildSpec(30, { audit: 1 }), straightRange(30));
    rig.run(newFrom(18));
    expect(job).toMatchObject({ state: JobState.JOB_STATE_FOUND, culprit: commit(18) });
    const facts = rig.journal.get(job.id)!.map(({ fact }) => fact?.$case);
    expect(facts.filter((kind) => kind === 'refuted')).toHaveLength(1);
    expect(job.audited).toEqual({ done: 28, refuted: 1 });
  });

  it.each([12, 15, 19])(
    'finds culprit %i among ten commits that do not build, through the commit that mended them',
    (culprit) => {
      // Commits 10 to 19 do not build; 10 broke the file and 20 mends it, and others touch it too.
      const paths = Array.from({ length: 40 }, (_, n) => ([9, 19, 24, 30].includes(n) ? CONSUMED : HIDDEN));
      const rig = buildingRig(paths, 2);
      const isBroken = (id: CommitId) => numberOf(id) >= 10 && numberOf(id) < 20;
      const image = (id: CommitId, fixups: readonly string[]) =>
        isBroken(id) && !fixups.includes(commit(20)) ? undefined : `image ${numberOf(id)}`;
      rig.kernels = { changes: history(paths), image, record: { ...record, files: [CONSUMED, HIDDEN] } };
      const job = rig.submit('job', buildSpec(40), straightRange(40));
      rig.run(newFrom(culprit));
      expect(job).toMatchObject({ state: JobState.JOB_STATE_FOUND, culprit: commit(culprit) });
      const failed = rig.journal
        .get(job.id)!
        .filter(({ fact }) => fact?.$case === 'built' && fact.value.image === undefined);
      expect(failed.length).toBeLessThanOrEqual(4);
    },
  );

  it('leaves commits that do not build for lost when nothing mends them', () => {
    const paths = Array.from({ length: 20 }, () => HIDDEN);
    const rig = buildingRig(paths, 1);
    const isBroken = (id: CommitId) => numberOf(id) >= 8 && numberOf(id) < 14;
    const image = (id: CommitId) => (isBroken(id) ? undefined : `image ${numberOf(id)}`);
    rig.kernels = { changes: history(paths), image, record: { ...record, files: [HIDDEN] } };
    const job = rig.submit('job', buildSpec(20), straightRange(20));
    rig.run(newFrom(10));
    expect(job.state).toBe(JobState.JOB_STATE_AMBIGUOUS);
    expect(job.candidates).toEqual([8, 9, 10, 11, 12, 13, 14].map(commit));
  });

  it('builds all commits of an audit, and finds no prediction wrong that is right', () => {
    const paths = Array.from({ length: 12 }, (_, n) => (n === 5 ? CONSUMED : DOCS));
    const rig = buildingRig(paths, 3);
    const job = rig.submit('job', buildSpec(12, { audit: 1 }), straightRange(12));
    rig.run(newFrom(6));
    expect(job).toMatchObject({ state: JobState.JOB_STATE_FOUND, culprit: commit(6) });
    expect(built(rig).size).toBe(13);
    expect(job.audited).toEqual({ done: 11, refuted: 0 });
  });
});

describe('a job that loads modules', () => {
  it('finds what changes nothing but a module: of one image commits may differ all the same', () => {
    const rig = buildingRig(Array<string>(8).fill(CONSUMED));
    rig.kernels = { ...rig.kernels!, image: () => 'the image of all' };
    const test = BootTest.fromPartial({ arch: 'x86_64', modules: ['drivers/a.ko'] });
    rig.submit('job', buildSpec(8, { test: { $case: 'boot', value: test } }), straightRange(8));
    rig.run(newFrom(5));
    expect(rig.job('job')).toMatchObject({ state: JobState.JOB_STATE_FOUND, culprit: commit(5) });
  });
});
