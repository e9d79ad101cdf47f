import { describe, expect, it } from 'vitest';
import {
  BootTest,
  Check,
  CheckKind,
  JobState,
  Verdict,
  type JobSpec,
} from '@kbisect/shared/gen/kbisect/v1/job';
import { Capabilities, type Hello } from '@kbisect/shared/gen/kbisect/v1/session';
import { agentName, type CommitId } from '@kbisect/shared/ids';
import { needsOf, waitingFor } from './needs.js';
import { commit, FAIL, PASS, Rig, straightRange, straightSpec } from './rig.js';

const BASEMENT = { key: 'site', value: 'basement' };
const GPU = { key: 'gpu', value: 'yes' };
const gcc = (version: string) => ({ name: 'gcc', family: 'gcc', version, identity: '', arch: 'x86_64' });
const x86: Partial<Hello> = {
  capabilities: Capabilities.fromPartial({ arches: ['x86_64'], toolchains: [gcc('12.2.0')] }),
};
const boot = (more: Partial<BootTest> = {}): Partial<JobSpec> => ({
  test: { $case: 'boot', value: BootTest.fromPartial({ arch: 'x86_64', ...more }) },
});
const brokenFrom = (n: number) => (tested: CommitId) => (tested >= commit(n) ? FAIL : PASS);
const waiting = (rig: Rig) => waitingFor(rig.job('job'), rig.farm.agents.values());

function rigOf(spec: Partial<JobSpec>, agents: Record<string, Partial<Hello>>): Rig {
  const rig = new Rig();
  for (const [name, hello] of Object.entries(agents)) rig.hello(name, hello);
  rig.submit('job', straightSpec(40, spec), straightRange(40));
  return rig;
}

describe('a job', () => {
  it('that requires labels is tested by agents that have all of them alone, by its checks and by hand, too', () => {
    const rig = new Rig();
    rig.settings = ['CONFIG_A=y', 'CONFIG_B=y'];
    rig.checks = (culprit) =>
      [
        { kind: CheckKind.CHECK_KIND_CULPRIT, of: culprit, commit: culprit, expected: Verdict.VERDICT_NEW },
        {
          kind: CheckKind.CHECK_KIND_PARENT,
          of: commit(22),
          commit: commit(22),
          expected: Verdict.VERDICT_OLD,
        },
      ].map((check) => Check.fromPartial(check));
    rig.hello('none', x86);
    rig.hello('other', { ...x86, labels: { site: 'attic', gpu: 'yes' } });
    rig.hello('half', { ...x86, labels: { gpu: 'yes' } });
    rig.hello('right', { ...x86, labels: { site: 'basement', gpu: 'yes', more: '' } });
    const asked = { requiredLabels: [GPU, BASEMENT], certify: true, minimiseConfig: 100, ...boot() };
    const job = rig.submit('job', straightSpec(40, asked), straightRange(40));
    rig.send({ kind: 'rerun', job: job.id, commit: commit(3), by: 'ann' });
    const by = new Set<string>();
    rig.run((tested) => {
      for (const { agent } of rig.held) by.add(agent);
      return brokenFrom(23)(tested);
    });
    expect(job).toMatchObject({ state: JobState.JOB_STATE_FOUND, culprit: commit(23) });
    expect(job.minimalConfig).toMatchObject({ settings: [], minimal: true });
    expect([...by]).toEqual(['right']);
    expect(rig.tested).toContain(commit(3));
  });

  it('waits until an agent with its labels comes, over a restart, and says for which', () => {
    const rig = rigOf({ requiredLabels: [BASEMENT] }, { none: {} });
    expect(rig.held).toEqual([]);
    expect(waiting(rig)).toBe('no agent that takes tasks has the label site=basement');
    rig.restart();
    rig.hello('none');
    expect(waiting(rig)).toBe('no agent that takes tasks has the label site=basement');
    rig.hello('right', { labels: { site: 'basement' } });
    expect(waiting(rig)).toBeUndefined();
    expect(rig.held.map(({ agent }) => agent)).toEqual(['right']);
  });

  it('says that it waits when the only agent that could do it drains or goes, and not while it is worked on', () => {
    const rig = rigOf({ requiredLabels: [BASEMENT] }, { none: {}, right: { labels: { site: 'basement' } } });
    const right = agentName('right');
    rig.send({ kind: 'drain', agent: right });
    expect(waiting(rig)).toBeUndefined();
    rig.answer(0, PASS);
    expect(waiting(rig)).toBe('no agent that takes tasks has the label site=basement');
    rig.send({ kind: 'gone', agent: agentName('none'), incarnation: '1' });
    expect(waiting(rig)).toBe("no agent takes tasks; start one with 'kbisect agent'");
    rig.send({ kind: 'cancel', job: rig.job('job').id });
    expect(waiting(rig)).toBeUndefined();
  });

  it.each<[string, Partial<JobSpec>, string]>([
    ['an architecture', boot({ arch: 'arm64' }), 'no agent that takes tasks has the architecture arm64'],
    [
      'a toolchain',
      boot({ toolchain: 'gcc>=13' }),
      'no agent that takes tasks has the toolchain gcc>=13 for x86_64',
    ],
    [
      'several things that nobody has',
      { ...boot({ toolchain: 'clang' }), requiredLabels: [GPU, BASEMENT] },
      'no agent that takes tasks has the toolchain clang for x86_64 or the label gpu=yes',
    ],
    [
      'things that no one has together',
      { ...boot({ toolchain: 'gcc>=12' }), requiredLabels: [BASEMENT] },
      'no agent that takes tasks has all of the architecture x86_64, the toolchain gcc>=12 for x86_64, the label site=basement',
    ],
  ])('waits for %s in the same words', (_what, spec, words) => {
    const rig = rigOf(spec, { one: x86, two: { labels: { site: 'basement' } } });
    expect(waiting(rig)).toBe(words);
    expect(rig.held).toEqual([]);
  });

  it('that any agent can do leaves the rare agents to those that need them', () => {
    const rig = new Rig();
    rig.submit('any', straightSpec(1000), straightRange(1000));
    rig.submit('picky', straightSpec(1000, { requiredLabels: [BASEMENT] }), straightRange(1000));
    const busy = rig.farm.jobs;
    // Both come at once: what is planned for is both.
    for (const hello of [{ name: 'a', labels: { site: 'basement' } }, { name: 'b' }])
      rig.farm.handle({ kind: 'hello', hello: helloOf(hello) }, rig.now);
    rig.send({ kind: 'tick' });
    expect(busy.size).toBe(2);
    expect(rig.held.map(({ agent, task }) => [agent, task.job]).sort()).toEqual([
      ['a', 'picky'],
      ['b', 'any'],
    ]);
  });
});

function helloOf(more: Partial<Hello>): Hello {
  const blank = { incarnation: '1', slots: 1, labels: {}, capabilities: undefined, leases: [] };
  return { name: '', ...blank, protocol: 1, trees: [], ...more };
}

it('the needs of a job are in words', () => {
  const spec = straightSpec(1, { ...boot({ toolchain: 'gcc-12' }), requiredLabels: [BASEMENT] });
  expect(needsOf(spec).map(({ what }) => what)).toEqual([
    'the architecture x86_64',
    'the toolchain gcc-12 for x86_64',
    'the label site=basement',
  ]);
});
