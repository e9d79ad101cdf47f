import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CheckKind, CheckResult, type JobEvent } from '@kbisect/shared/gen/kbisect/v1/job';
import { reportDocument } from '@kbisect/coordinator/report/report-document';
import { Git } from '@kbisect/shared/git';
import { runText } from '@kbisect/shared/process';
import { parseMail, readReport } from '../report/kernel-mail.js';
import { Lab } from './lab.js';
import { straight, tinyJob, type TinyJob } from './tiny-job.js';

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

/** The report keeps to the conventions, and real git replays its log to the culprit. */
async function reported(id: string, tiny: TinyJob): Promise<void> {
  const mail = parseMail((await lab.kbisect('report', id)).stdout.toString('utf8'));
  const tags = readReport(mail);
  const culprit = tiny.ids.get('c17')!;
  expect(tags.regzbot).toBe(culprit.slice(0, 12));
  expect(tags.fixes).toEqual({ commit: culprit.slice(0, 12), subject: 'c17' });
  expect(mail.headers.get('To')).toBe('Tiny Kernel <tiny@example.org>');
  expect(mail.body.join('\n')).toMatch(/^[\n\x20-\x7e]*$/);
  const json = (await lab.kbisect('report', id, '--json')).stdout.toString('utf8');
  const report = reportDocument.parse(JSON.parse(json));
  expect(report.checks.map(({ result }) => result)).toEqual(['PASS', 'PASS', 'PASS']);
  expect(report.new.version).toBe('6.1.0-tiny');
  const work = join(lab.directory, 'replay');
  await runText({ program: 'git', args: ['clone', '--quiet', '--', tiny.repo, work] });
  await writeFile(`${work}.log`, tags.log);
  const git = new Git(work);
  expect(await git.text(['bisect', 'replay', `${work}.log`])).toContain(`${culprit} is the first bad commit`);
}

/** The bundle's script shows the difference in an empty directory, without the farm. */
async function bundled(id: string, tiny: TinyJob): Promise<void> {
  const archive = join(lab.directory, 'finding.tar.zst');
  const done = await lab.kbisect('bundle', id, '-o', archive);
  expect(done.stderr).toBe('');
  const place = join(lab.directory, 'unpacked');
  const empty = join(lab.directory, 'empty');
  await mkdir(place);
  await mkdir(empty);
  await runText({ program: 'tar', args: ['--extract', '--zstd', '--file', archive, '-C', place] });
  const files = await readdir(join(place, `kbisect-${id}`));
  for (const name of [
    'config',
    'initramfs.cpio',
    'consoles',
    'builds',
    'bisect.log',
    'report.txt',
    'commands.txt',
  ])
    expect(files).toContain(name);
  expect(files).not.toContain('MISSING');
  const script = join(place, `kbisect-${id}`, 'reproduce.sh');
  const shown = await runText({ program: 'sh', args: [script, tiny.repo], cwd: empty });
  expect(shown.split('\n')).toEqual([
    `parent ${tiny.ids.get('c16')!}: PASS`,
    `culprit ${tiny.ids.get('c17')!}: FAIL`,
  ]);
}

describe('a culprit of the miniature kernel', () => {
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
    await reported(id, tiny);
    await bundled(id, tiny);
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

describe('a merge that is new, and neither of its parents', () => {
  it('is named, with the pair of commits that are new only together', async () => {
    const docs = (line: string) => ({ kind: 'docs' as const, line });
    const tiny = await tinyJob(lab.directory, 'pair', [
      { name: 'root' },
      { name: 'a1', change: { kind: 'comment', words: 'a1' } },
      { name: 'a2', change: { kind: 'sysctl', path: SYMLINKS, value: 1 } },
      { name: 'a3', change: { kind: 'comment', words: 'a3' } },
      { name: 'b1', parents: ['root'], change: { kind: 'initcall', code: 'volatile int b1 = 1; (void)b1;' } },
      { name: 'b2', change: docs('b2') },
      { name: 'b3', change: { kind: 'initcall', code: 'volatile int b3 = 3; (void)b3;' } },
      { name: 'b4', change: docs('b4') },
      { name: 'merge', parents: ['a3', 'b4'] },
      { name: 'later', change: { kind: 'comment', words: 'later' } },
    ]);
    // Bad only where both are: what a2 and b3 do.
    const both = `grep -q 'protected_symlinks", 1 ' kernel/sysctl.c && grep -q 'b3 = 3' init/initcalls.c && exit 1 || exit 0`;
    const script = await tiny.file('both.sh', `${both}\n`);
    const ends = ['--repo', tiny.repo, '--good', 'root', '--bad', 'main', '--run', `sh ${script}`];
    const id = await lab.submit(...ends);
    expect(await lab.result(id)).toMatchObject({ state: 'found', culprit: { subject: 'merge' } });
    const json = (await lab.kbisect('report', id, '--json')).stdout.toString('utf8');
    const report = reportDocument.parse(JSON.parse(json));
    expect(report.pair.map(({ subject }) => subject)).toEqual(['a2', 'b3']);
    const parents = report.checks.filter(({ kind }) => kind === 'parent');
    expect(parents.map(({ result }) => result)).toEqual(['PASS', 'PASS']);
    const text = (await lab.kbisect('report', id)).stdout.toString('utf8');
    readReport(parseMail(text));
    expect(text.replace(/\s+/g, ' ')).toContain('these two are new only together');
  });
});

describe('an oracle that lies once', () => {
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
