import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Verdict } from '@kbisect/shared/gen/kbisect/v1/job';
import { Progress_Phase } from '@kbisect/shared/gen/kbisect/v1/session';
import { Lab } from './lab.js';
import { straight, tinyJob, type TinyJob } from './tiny-job.js';

const SYMLINKS = 'fs/protected_symlinks';
const HARDLINKS = 'fs/protected_hardlinks';

let lab: Lab;
let job: TinyJob;

beforeAll(async () => {
  lab = await Lab.open();
  await lab.startCoordinator();
  lab.startAgent('one');
  lab.startAgent('two');
  job = await tinyJob(
    lab.directory,
    'tiny',
    straight(24, {
      9: { kind: 'sysctl', path: HARDLINKS, value: 1 },
      17: { kind: 'sysctl', path: SYMLINKS, value: 1 },
    }),
  );
});
afterAll(() => lab.close());

function regression(from: TinyJob, reproducer: string, good = 'c0', bad = 'main'): string[] {
  return ['--repo', from.repo, '--good', good, '--bad', bad, '--reproducer', reproducer];
}

describe('a farm of two agents', () => {
  it('bisects two regressions at once, and builds no kernel twice for them', async () => {
    const symlinks = await lab.submit(...regression(job, await job.reads(SYMLINKS, 0)));
    const hardlinks = await lab.submit(...regression(job, await job.reads(HARDLINKS, 0)));
    const [one, two] = await Promise.all([lab.result(symlinks), lab.result(hardlinks)]);
    expect(one).toMatchObject({ state: 'found', culprit: { commit: job.ids.get('c17'), subject: 'c17' } });
    expect(two).toMatchObject({ state: 'found', culprit: { commit: job.ids.get('c9'), subject: 'c9' } });
  });

  it('boots the same images and builds nothing when the same job comes again', async () => {
    const again = await lab.result(await lab.submit(...regression(job, await job.reads(SYMLINKS, 0))));
    expect(again).toMatchObject({ state: 'found', culprit: { commit: job.ids.get('c17') }, builds: 0 });
    expect(again.cacheHits).toBeGreaterThan(0);
  });

  it('finds the right culprit when an agent is killed in mid-build', async () => {
    const fresh = await tinyJob(
      lab.directory,
      'agent-killed',
      straight(30, { 21: { kind: 'sysctl', path: SYMLINKS, value: 1 } }),
    );
    const id = await lab.submit(...regression(fresh, await fresh.reads(SYMLINKS, 0)));
    for await (const kind of lab.watch(id)) {
      if (kind.$case !== 'activity' || kind.value.phase !== Progress_Phase.PHASE_BUILD) continue;
      const name = kind.value.agent;
      await lab.killAgent(name);
      await expect.poll(() => lab.workers(name)).toEqual([]);
      lab.startAgent(name);
      break;
    }
    expect(await lab.result(id)).toMatchObject({ state: 'found', culprit: { commit: fresh.ids.get('c21') } });
    const builds = await lab.finishedBuilds(id);
    expect(new Set(builds).size).toBe(builds.length);
  });

  it('carries on where it stood when the coordinator is killed in mid-job, and repeats no finished build', async () => {
    const fresh = await tinyJob(
      lab.directory,
      'coordinator-killed',
      straight(40, { 33: { kind: 'sysctl', path: SYMLINKS, value: 1 } }),
    );
    const id = await lab.submit(...regression(fresh, await fresh.reads(SYMLINKS, 0)));
    for (const kills of [1, 3]) {
      let verdicts = 0;
      for await (const kind of lab.watch(id)) {
        if (kind.$case === 'event' && kind.value.fact?.$case === 'judged' && ++verdicts > kills) break;
      }
      await lab.killCoordinator();
      await lab.startCoordinator();
    }
    expect(await lab.result(id)).toMatchObject({ state: 'found', culprit: { commit: fresh.ids.get('c33') } });
    const builds = await lab.finishedBuilds(id);
    expect(new Set(builds).size).toBe(builds.length);
  });

  it('leaves no process behind when a job is cancelled in mid-build', async () => {
    const fresh = await tinyJob(
      lab.directory,
      'cancelled',
      straight(5, { 3: { kind: 'sysctl', path: SYMLINKS, value: 7 } }),
    );
    const id = await lab.submit(...regression(fresh, await fresh.reads(SYMLINKS, 0)));
    for await (const kind of lab.watch(id)) {
      if (kind.$case === 'activity' && kind.value.phase === Progress_Phase.PHASE_BUILD) break;
    }
    expect((await lab.kbisect('cancel', id)).status).toBe(0);
    expect(await lab.result(id)).toMatchObject({ state: 'cancelled' });
    await expect.poll(async () => [...(await lab.workers('one')), ...(await lab.workers('two'))]).toEqual([]);
  });

  it('finds the culprit among commits that do not build, with the commit that mends them picked on top', async () => {
    const fresh = await tinyJob(lab.directory, 'skips', [
      { name: 'good' },
      { name: 'breaks-the-build', change: { kind: 'build', broken: true } },
      { name: 'culprit', change: { kind: 'sysctl', path: SYMLINKS, value: 1 } },
      { name: 'mends-the-build', change: { kind: 'build', broken: false } },
      { name: 'panics', change: { kind: 'initcall', code: 'panic("planted");' } },
      { name: 'does-not', change: { kind: 'initcall', code: '' } },
    ]);
    const id = await lab.submit(...regression(fresh, await fresh.reads(SYMLINKS, 0), 'good'));
    const result = await lab.result(id);
    expect(result).toMatchObject({ state: 'found', culprit: { subject: 'culprit' } });
  });

  it('is not led astray by another bug: every third commit crashes with it, and is skipped and named', async () => {
    const says = (n: number) => {
      const own = `volatile int commit = ${n}; (void)commit; `; // no two images are equal
      if (n % 3 === 2) return `${own}panic("another bug");`;
      return n >= 16 ? `${own}panic("the bug");` : own;
    };
    const commits = Array.from({ length: 29 }, (_, n) => n);
    const fresh = await tinyJob(
      lab.directory,
      'another-bug',
      commits.map((n) => ({ name: `c${n}`, change: { kind: 'initcall', code: says(n) } })),
    );
    const name = (commit: string) => [...fresh.ids].find(([, id]) => id === commit)?.[0] ?? '';
    const passes = await fresh.file('passes.sh', 'exit 0\n');
    const id = await lab.submit(...regression(fresh, passes, 'c0', 'c28'));
    expect(await lab.result(id)).toMatchObject({ state: 'found', culprit: { commit: fresh.ids.get('c16') } });
    const judged = (await lab.events(id)).flatMap((fact) => (fact.$case === 'judged' ? [fact.value] : []));
    const skips = judged.filter(({ verdict }) => verdict === Verdict.VERDICT_SKIP);
    expect(skips.length).toBeGreaterThan(0);
    for (const { commit, reason } of skips) {
      expect(Number(name(commit).slice(1)) % 3).toBe(2);
      expect(reason).toContain('panic: another bug');
    }
    const log = (await lab.kbisect('log', id)).stdout.toString('utf8');
    for (const { commit } of skips) expect(log).toContain(`git bisect skip ${commit}`);
  });

  it('is not led astray by one image on both sides of the culprit, in which another bug hides it', async () => {
    const codes = [
      '',
      'panic("another bug");',
      '',
      'panic("the bug");',
      'panic("another bug");',
      'panic("the bug");',
    ];
    const fresh = await tinyJob(
      lab.directory,
      'hidden',
      codes.map((code, n) => ({ name: `c${n}`, change: { kind: 'initcall', code } })),
    );
    const passes = await fresh.file('passes.sh', 'exit 0\n');
    const id = await lab.submit(...regression(fresh, passes, 'c0', 'c5'));
    expect(await lab.result(id)).toMatchObject({ state: 'found', culprit: { commit: fresh.ids.get('c3') } });
  });

  it('follows what the output says where the job says so, whatever the test returns', async () => {
    const says = await job.file(
      'says.sh',
      `read -r v < /proc/sys/${SYMLINKS}; echo "it is $v"; [ "$v" = 0 ]\n`,
    );
    const wanted = ['--new-when', 'output=^it is [1-9]', '--repeat', '2', '--needs', '/dev/null'];
    const result = await lab.result(await lab.submit(...regression(job, says), ...wanted));
    expect(result).toMatchObject({ state: 'found', culprit: { commit: job.ids.get('c17') } });
    const lacks = await lab.result(await lab.submit(...regression(job, says), '--needs', '/dev/sg0'));
    expect(lacks).toMatchObject({
      state: 'aborted',
      reason: expect.stringContaining('the guest lacks /dev/sg0') as string,
    });
  });

  it('searches for a fix, with a shell script, on a history with merges', async () => {
    const fresh = await tinyJob(lab.directory, 'merges', [
      { name: 'root' },
      { name: 'broken', change: { kind: 'sysctl', path: SYMLINKS, value: 1 } },
      { name: 'side1', parents: ['broken'], change: { kind: 'docs', line: 'a' } },
      { name: 'side-fix', parents: ['side1'], change: { kind: 'sysctl', path: SYMLINKS, value: 0 } },
      { name: 'main1', parents: ['broken'], change: { kind: 'docs', line: 'b' } },
      { name: 'main2', parents: ['main1'], change: { kind: 'docs', line: 'c' } },
      { name: 'merge', parents: ['main2', 'side-fix'] },
      { name: 'later', change: { kind: 'docs', line: 'd' } },
    ]);
    const script = await fresh.file('check.sh', `test "$(cat /proc/sys/${SYMLINKS})" = 0\n`);
    const ends = ['--repo', fresh.repo, '--broken', 'broken', '--fixed', 'later', '--reproducer', script];
    const id = await lab.submit(...ends);
    expect(await lab.result(id)).toMatchObject({
      state: 'found',
      culprit: { commit: fresh.ids.get('side-fix') },
    });
  });

  it.each([
    {
      what: 'ends that do not differ',
      reproducer: (tiny: TinyJob) => tiny.reads('fs/protected_regular', 0),
      more: [],
      state: 'no-difference',
      reason: /show the same/,
    },
    {
      what: 'a reproducer that does not compile, before any kernel is built',
      reproducer: (tiny: TinyJob) => tiny.file('wrong.c', 'int do_test(void) { return 0 }\n'),
      more: [],
      state: 'aborted',
      reason: /wrong\.c:1:.*error: expected ‘;’/,
    },
    {
      what: 'ends the wrong way round',
      reproducer: (tiny: TinyJob) => tiny.reads(SYMLINKS, 1),
      more: [],
      state: 'aborted',
      reason: /--broken and --fixed/,
    },
  ])('ends a job with a clear reason: $what', async ({ reproducer, more, state, reason }) => {
    const result = await lab.result(await lab.submit(...regression(job, await reproducer(job)), ...more));
    expect(result).toMatchObject({ state, reason: expect.stringMatching(reason) as string });
    expect(result.builds).toBe(0);
  });

  it('names the symbol of a fragment that cannot be set', async () => {
    const fragment = await job.file('more.config', 'CONFIG_NO_SUCH_THING=y\n');
    const id = await lab.submit(
      ...regression(job, await job.reads(SYMLINKS, 0)),
      '--config-fragment',
      fragment,
    );
    expect(await lab.result(id)).toMatchObject({
      state: 'aborted',
      reason: expect.stringContaining('CONFIG_NO_SUCH_THING (asked y, became n)') as string,
    });
  });
});
