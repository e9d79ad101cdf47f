import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CheckKind, CheckResult, type JobEvent } from '@kbisect/shared/gen/kbisect/v1/job';
import { Lab } from './lab.js';
import { straight, tinyJob } from './tiny-job.js';

const SYMLINKS = 'fs/protected_symlinks';
const { CHECK_RESULT_PASS: PASS, CHECK_RESULT_FAIL: FAIL } = CheckResult;

let lab: Lab;

beforeAll(async () => {
  lab = await Lab.open();
  await lab.startCoordinator();
  lab.startAgent('one');
  lab.startAgent('two');
});
afterAll(() => lab.close());

type Fact = NonNullable<JobEvent['fact']>;

/** Checks of a job with what they came to, in order. */
function checksOf(events: readonly Fact[]) {
  const checks = events.flatMap((fact) => (fact.$case === 'checking' ? fact.value.checks : []));
  const ended = events.flatMap((fact) => (fact.$case === 'checked' ? [fact.value] : []));
  return checks.map((check, index) => ({
    kind: check.kind,
    of: check.of,
    conflicts: check.conflicts,
    result: ended.findLast((one) => one.check === index)?.result,
    detail: ended.findLast((one) => one.check === index)?.detail,
  }));
}

describe('a culprit of the miniature kernel', { timeout: 180_000 }, () => {
  it('is built anew, tried again by another agent than the first, and reverted on the new end, before it is named', async () => {
    const tiny = await tinyJob(
      lab.directory,
      'certified',
      straight(24, { 17: { kind: 'sysctl', path: SYMLINKS, value: 1 } }),
    );
    const ends = ['--repo', tiny.repo, '--good', 'c0', '--bad', 'main'];
    const id = await lab.submit(...ends, '--reproducer', await tiny.reads(SYMLINKS, 0));
    expect(await lab.result(id)).toMatchObject({ state: 'found', culprit: { commit: tiny.ids.get('c17') } });
    const events = await lab.events(id);
    expect(checksOf(events)).toMatchObject([
      {
        kind: CheckKind.CHECK_KIND_CULPRIT,
        of: tiny.ids.get('c17'),
        result: PASS,
        detail: expect.stringMatching(/^fail, in the same image/) as string,
      },
      { kind: CheckKind.CHECK_KIND_PARENT, of: tiny.ids.get('c16'), result: PASS, detail: 'pass' },
      { kind: CheckKind.CHECK_KIND_REVERT, of: tiny.ids.get('c17'), result: PASS, detail: 'pass' },
    ]);
    const leases = events.flatMap((fact) => (fact.$case === 'leased' ? [fact.value] : []));
    const trials = events.flatMap((fact) => (fact.$case === 'tried' ? [fact.value] : []));
    for (const name of ['c16', 'c17']) {
      const [first, again] = trials
        .filter(({ commit }) => commit === tiny.ids.get(name))
        .map(({ lease }) => leases.find((one) => one.lease === lease)?.agent);
      // A commit whose image is another's was not tried itself before.
      if (again !== undefined) expect(again).not.toBe(first);
    }
    const again = await lab.result(await lab.submit(...ends, '--reproducer', await tiny.reads(SYMLINKS, 0)));
    expect(again).toMatchObject({ state: 'found', builds: 0 });
  });

  it('that conflicts when it is reverted is named, with the files; the tip of its branch serves instead', async () => {
    const later = { kind: 'sysctl' as const, path: SYMLINKS, value: 3 };
    const tiny = await tinyJob(lab.directory, 'conflict', [
      { name: 'root' },
      { name: 'culprit', change: { kind: 'sysctl', path: SYMLINKS, value: 1 } },
      { name: 'side', change: { kind: 'docs', line: 'side' } },
      { name: 'main1', parents: ['root'], change: { kind: 'docs', line: 'main' } },
      { name: 'merge', parents: ['main1', 'side'] },
      { name: 'later', change: later },
    ]);
    const ends = ['--repo', tiny.repo, '--good', 'root', '--bad', 'main'];
    const id = await lab.submit(...ends, '--reproducer', await tiny.reads(SYMLINKS, 0));
    expect(await lab.result(id)).toMatchObject({ state: 'found', culprit: { subject: 'culprit' } });
    expect(checksOf(await lab.events(id)).at(-1)).toMatchObject({
      kind: CheckKind.CHECK_KIND_REVERT,
      conflicts: ['kernel/sysctl.c'],
      result: PASS,
    });
  });
});

describe('an oracle that lies once', { timeout: 180_000 }, () => {
  it('makes a wrong culprit, which the certificate catches: the search goes on and ends on the right one', async () => {
    const tiny = await tinyJob(
      lab.directory,
      'lie',
      straight(16, { 11: { kind: 'sysctl', path: SYMLINKS, value: 1 } }),
    );
    // The first time that c8 is tried it is called new; whatever comes later is true.
    const lied = join(lab.directory, 'lied');
    const truth = `grep -q 'protected_symlinks", 1 ' kernel/sysctl.c && exit 1 || exit 0`;
    const script = await tiny.file(
      'oracle.sh',
      `if [ "$(git rev-parse HEAD)" = ${tiny.ids.get('c8')!} ] && mkdir ${lied} 2>/dev/null; then exit 1; fi\n${truth}\n`,
    );
    const ends = ['--repo', tiny.repo, '--good', 'c0', '--bad', 'main', '--run', `sh ${script}`];
    const plain = await lab.result(await lab.submit(...ends, '--no-certify'));
    expect(plain.state).toBe('found');
    expect(plain.culprit?.commit, 'without a certificate the lie leads astray').not.toBe(tiny.ids.get('c11'));
    await writeFile(script, (await readFile(script, 'utf8')).replaceAll(lied, `${lied}-again`));
    const id = await lab.submit(...ends);
    expect(await lab.result(id)).toMatchObject({ state: 'found', culprit: { commit: tiny.ids.get('c11') } });
    const checks = checksOf(await lab.events(id));
    expect(checks.some(({ result }) => result === FAIL)).toBe(true);
    expect(checks.slice(-3).map(({ result }) => result)).toEqual([PASS, PASS, PASS]);
  });
});
