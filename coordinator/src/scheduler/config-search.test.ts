import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BuildRecord } from '@kbisect/shared/build-record';
import {
  BootTest,
  Check,
  CheckKind,
  CheckResult,
  JobState,
  Mode,
  Verdict,
  type JobSpec,
} from '@kbisect/shared/gen/kbisect/v1/job';
import type { Task } from '@kbisect/shared/gen/kbisect/v1/session';
import type { CommitId } from '@kbisect/shared/ids';
import type { RangeChanges } from '../classes/prediction.js';
import { commit, FAIL, PASS, Rig, straightRange, straightSpec } from './rig.js';

/** Builds of which nothing is foretold. */
const RECORD = { config: '' } as BuildRecord;
const NO_CHANGES = undefined as unknown as RangeChanges;
const SETTINGS = Array.from({ length: 12 }, (_, n) => `CONFIG_S${n}=y`);
const CULPRIT = 5;

/** A farm with a job that asks which of the settings its culprit takes. */
function rigOf(agents: number, more: Partial<JobSpec> = {}): Rig {
  const rig = new Rig();
  rig.settings = SETTINGS;
  const old = { expected: Verdict.VERDICT_OLD };
  rig.checks = (culprit) => {
    const parent = commit(parseInt(culprit, 16) - 2);
    return [
      { kind: CheckKind.CHECK_KIND_CULPRIT, of: culprit, commit: culprit, expected: Verdict.VERDICT_NEW },
      { kind: CheckKind.CHECK_KIND_PARENT, of: parent, commit: parent, ...old },
    ].map((check) => Check.fromPartial(check));
  };
  for (let n = 0; n < agents; n++) rig.hello(`agent${n}`);
  const boot = { $case: 'boot' as const, value: BootTest.fromPartial({ arch: 'x86_64' }) };
  const spec = straightSpec(8, { certify: true, minimiseConfig: 1000, test: boot, ...more });
  for (let n = 0; n < agents; n++) capable(rig, `agent${n}`);
  rig.submit('job', spec, straightRange(8));
  return rig;
}

function capable(rig: Rig, name: string): void {
  const capabilities = { arches: ['x86_64'], compiler: '', accelerator: 'tcg', cpus: 1 };
  rig.hello(name, {
    capabilities: { ...capabilities, memoryBytes: 1, missing: [], toolchains: [], sandbox: '' },
    leases: rig.held.filter((held) => held.agent === name).map((held) => held.lease),
  });
}

/** What the settings of a task are; all of them when it has none of its own. */
const settingsOf = ({ settings }: Task) => settings?.lines ?? SETTINGS;

/** New from the culprit on, where all of the given settings are there; a kernel without them passes. */
const takes =
  (...needed: readonly string[]) =>
  (tested: CommitId, task: Task) =>
    tested >= commit(CULPRIT) && needed.every((one) => settingsOf(task).includes(one)) ? FAIL : PASS;

const configChecks = (rig: Rig) =>
  rig.job('job').certificate.states.filter(({ check }) => check.kind === CheckKind.CHECK_KIND_CONFIG);

describe('the settings that a culprit takes', () => {
  it('are found, and with each of them what is seen without it', () => {
    const rig = rigOf(3);
    rig.run(takes('CONFIG_S2=y', 'CONFIG_S9=y'));
    const job = rig.job('job');
    expect(job).toMatchObject({ state: JobState.JOB_STATE_FOUND, culprit: commit(CULPRIT) });
    expect(job.minimalConfig).toMatchObject({
      settings: ['CONFIG_S2=y', 'CONFIG_S9=y'],
      minimal: true,
      reason: '',
    });
    expect(job.minimalConfig?.spared).toEqual(
      SETTINGS.filter((one) => !['CONFIG_S2=y', 'CONFIG_S9=y'].includes(one)),
    );
    expect(job.certificate.config?.without('CONFIG_S2=y')).toMatchObject({
      check: { of: commit(CULPRIT) },
      detail: 'pass',
    });
  });

  it('are none when the culprit shows it without them', () => {
    const rig = rigOf(2);
    rig.run(takes());
    expect(rig.job('job').minimalConfig).toMatchObject({ settings: [], minimal: true });
    const told = configChecks(rig).filter(({ result }) => result !== CheckResult.CHECK_RESULT_UNSPECIFIED);
    expect(told.length).toBeLessThan(5);
  });

  it('are the same whatever the agents, the order of their answers, and deaths of the coordinator', () => {
    const cases = fc.tuple(
      fc.subarray(SETTINGS),
      fc.integer({ min: 1, max: 5 }),
      fc.infiniteStream(fc.nat()),
      fc.boolean(),
      fc.constantFrom(Mode.MODE_REGRESSION, Mode.MODE_FIX),
    );
    fc.assert(
      fc.property(cases, ([needed, agents, order, dies, mode]) => {
        const rig = rigOf(agents, { mode });
        const truth = takes(...needed);
        // A fix mends what the settings show.
        const fix = (tested: CommitId, task: Task) =>
          tested < commit(CULPRIT) && needed.every((one) => settingsOf(task).includes(one)) ? FAIL : PASS;
        rig.run(
          (tested, task) => {
            if (dies) {
              rig.restart();
              for (let n = 0; n < agents; n++) capable(rig, `agent${n}`);
            }
            return mode === Mode.MODE_FIX ? fix(tested, task) : truth(tested, task);
          },
          (n) => (order.next().value as number) % n,
        );
        expect(rig.job('job')).toMatchObject({ state: JobState.JOB_STATE_FOUND, culprit: commit(CULPRIT) });
        expect(rig.job('job').minimalConfig).toMatchObject({ settings: needed, minimal: true });
      }),
      { numRuns: 20 },
    );
  });

  it('are tried by all agents at once, each commit by any of them', () => {
    const rig = rigOf(4);
    const busy: number[] = [];
    const by = new Set<string>();
    rig.run((tested, task) => {
      if (task.settings !== undefined) {
        busy.push(rig.held.length);
        by.add(rig.held.find((held) => held.task === task)?.agent ?? '');
      }
      return takes('CONFIG_S0=y', 'CONFIG_S7=y')(tested, task);
    });
    expect(by.size).toBe(4);
    expect(busy.filter((held) => held === 4).length).toBeGreaterThan(busy.length / 2);
  });

  it('are not looked for where a subset does not build or shows what neither end does: it tells nothing', () => {
    const rig = rigOf(2);
    const crash = { kind: { $case: 'crash' as const, value: { signature: 'BUG: another' } } };
    rig.run((tested, task) => {
      const settings = settingsOf(task);
      // Another bug hides it without S4.
      if (!settings.includes('CONFIG_S4=y')) return crash;
      return takes('CONFIG_S1=y')(tested, task);
    });
    const job = rig.job('job');
    expect(job.minimalConfig).toMatchObject({ settings: ['CONFIG_S1=y', 'CONFIG_S4=y'], minimal: true });
    expect(job.certificate.config?.without('CONFIG_S4=y')?.detail).toBe(
      'crash: BUG: another, which neither end shows',
    );
  });

  it('are as many as are left when the builds are spent, and that is said', () => {
    const kernels = {
      changes: NO_CHANGES,
      record: RECORD,
      image: (tested: CommitId, _: unknown, settings?: { lines: string[] }) =>
        `image of ${tested} with ${(settings?.lines ?? SETTINGS).join()}`,
    };
    const rig = rigOf(3, { minimiseConfig: 12 });
    rig.kernels = kernels;
    let builds = 0;
    rig.run((tested, task) => {
      if (task.settings) builds += 1;
      return takes('CONFIG_S2=y', 'CONFIG_S9=y')(tested, task);
    });
    const { minimalConfig } = rig.job('job');
    expect(minimalConfig).toMatchObject({
      minimal: false,
      reason: 'the 12 builds that it may take are spent',
    });
    expect(minimalConfig?.settings).toEqual(expect.arrayContaining(['CONFIG_S2=y', 'CONFIG_S9=y']));
    expect(minimalConfig?.settings.length).toBeLessThan(SETTINGS.length);
    expect(builds).toBeLessThanOrEqual(12);
  });

  it('are what is known of them when the job is cancelled meanwhile: its culprit is named', () => {
    const rig = rigOf(2);
    const truth = takes('CONFIG_S2=y', 'CONFIG_S3=y');
    let checks = 0;
    rig.run((tested, task) => {
      if (task.settings && checks++ === 8) rig.send({ kind: 'cancel', job: rig.job('job').id });
      return truth(tested, task);
    });
    const job = rig.job('job');
    expect(job).toMatchObject({ state: JobState.JOB_STATE_FOUND, culprit: commit(CULPRIT) });
    expect(job.minimalConfig).toMatchObject({ minimal: false, reason: 'cancelled by its owner' });
    expect(job.minimalConfig?.settings.length).toBeLessThan(SETTINGS.length);
    expect(job.leases.live).toEqual([]);
  });

  it('of which one gives the image of others is not tried again', () => {
    const rig = rigOf(1);
    const matters = (lines: readonly string[]) => lines.filter((line) => /S[29]=/.test(line)).join();
    rig.kernels = {
      changes: NO_CHANGES,
      record: RECORD,
      image: (tested, _, settings) => `image of ${tested} with ${matters(settings?.lines ?? SETTINGS)}`,
    };
    rig.run(takes('CONFIG_S2=y', 'CONFIG_S9=y'));
    expect(rig.job('job').minimalConfig).toMatchObject({
      settings: ['CONFIG_S2=y', 'CONFIG_S9=y'],
      minimal: true,
    });
    // Images that had to be tried for a check; what the search has tried, the kernels with all settings, is known before.
    const tried: string[] = [];
    const trials = new Set<number>();
    const checkOf = new Map<string, number | undefined>();
    for (const { fact } of rig.journal.get(rig.job('job').id) ?? []) {
      if (fact?.$case === 'leased') checkOf.set(fact.value.lease, fact.value.check);
      if (fact?.$case === 'tried') trials.add(checkOf.get(fact.value.lease) ?? -1);
      if (fact?.$case === 'checked' && trials.has(fact.value.check)) {
        const { check, image } = rig.job('job').certificate.states[fact.value.check]!;
        if (check.kind === CheckKind.CHECK_KIND_CONFIG) tried.push(image ?? '');
      }
    }
    expect(tried.length).toBeGreaterThan(0);
    expect(new Set(tried).size).toBe(tried.length);
    expect(tried.filter((image) => image.includes('S2=y,CONFIG_S9=y'))).toEqual([]);
  });

  it('are not looked for when the certificate has no parent to compare with', () => {
    const rig = rigOf(2);
    rig.checks = (culprit) => [
      Check.fromPartial({
        kind: CheckKind.CHECK_KIND_CULPRIT,
        of: culprit,
        commit: culprit,
        expected: Verdict.VERDICT_NEW,
      }),
    ];
    rig.run(takes('CONFIG_S2=y'));
    expect(rig.job('job').minimalConfig).toMatchObject({
      settings: SETTINGS,
      minimal: false,
      reason: 'the certificate could not try both the culprit and its parent',
    });
  });
});
