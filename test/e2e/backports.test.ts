import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { reportDocument } from '@kbisect/coordinator/report/report-document';
import { Git } from '@kbisect/shared/git';
import { runText } from '@kbisect/shared/process';
import { parseMail, readReport } from '../report/kernel-mail.js';
import { Lab } from './lab.js';
import { tinyJob, type TinyJob } from './tiny-job.js';

const SYMLINKS = 'fs/protected_symlinks';
const USERNS = 'kernel/unprivileged_userns_clone';

let lab: Lab;
let tiny: TinyJob;

beforeAll(async () => {
  lab = await Lab.open();
  await lab.startCoordinator();
  lab.startAgent('one');
  lab.startAgent('two');
  const sysctl = (path: string, value: number) => ({ kind: 'sysctl' as const, path, value });
  const docs = (line: string) => ({ kind: 'docs' as const, line });
  tiny = await tinyJob(lab.directory, 'stable', [
    { name: 'root' },
    { name: 'breaks', change: sysctl(SYMLINKS, 1) },
    { name: 'stable-old', change: docs('stable-old') },
    { name: 'reshapes', parents: ['breaks'], change: sysctl(SYMLINKS, 2) },
    { name: 'stable-new', change: docs('stable-new') },
    { name: 'stable-odd', parents: ['reshapes'], change: sysctl(USERNS, 0) },
    {
      name: 'middle',
      parents: ['reshapes'],
      change: { kind: 'initcall', code: 'volatile int a = 1; (void)a;' },
    },
    { name: 'fix', change: sysctl(SYMLINKS, 0) },
    { name: 'later', change: { kind: 'initcall', code: 'volatile int a = 2; (void)a;' } },
  ]);
});
afterAll(() => lab.close());

const text = async (...args: string[]) => (await lab.kbisect(...args)).stdout.toString('utf8');

describe('a fix', () => {
  it('is picked on stable branches, built and booted there, and what comes of it is told of each', async () => {
    const script = await tiny.file(
      'both.sh',
      `test "$(cat /proc/sys/${SYMLINKS})" = 0 && test "$(cat /proc/sys/${USERNS})" = 1\n`,
    );
    const ends = ['--repo', tiny.repo, '--broken', 'breaks', '--fixed', 'main', '--reproducer', script];
    const branches = ['stable-new', 'stable-old', 'stable-odd'];
    const id = await lab.submit(...ends, '--backport-to', ...branches);
    expect(await lab.result(id)).toMatchObject({ state: 'found', culprit: { subject: 'fix' } });

    const report = reportDocument.parse(JSON.parse(await text('report', id, '--json')));
    const [clean, conflicting, failing] = report.checks.filter(({ kind }) => kind === 'backport');
    expect(clean).toMatchObject({ branch: 'stable-new', result: 'PASS', detail: 'it applies, builds: pass' });
    expect(conflicting).toMatchObject({
      result: 'not possible',
      detail: 'it conflicts in kernel/sysctl.c',
      conflicts: ['kernel/sysctl.c'],
      needs: [{ commit: tiny.ids.get('reshapes'), subject: 'reshapes' }],
    });
    expect(failing).toMatchObject({
      branch: 'stable-odd',
      result: 'FAIL',
      detail: 'it applies, builds: fail',
    });

    const mail = await text('report', id);
    expect(readReport(parseMail(mail)).fixedBy?.subject).toBe('fix');
    expect(mail.replace(/\s+/g, ' ')).toContain(`seems to need: ${tiny.ids.get('reshapes')!.slice(0, 12)}`);
    await offered(id, clean?.patch ?? '');
  });
});

/** The picked commit is a branch of the farm's git, and a patch that `git am` takes. */
async function offered(id: string, patch: string): Promise<void> {
  const fix = tiny.ids.get('fix')!;
  expect(patch).toContain(`\n\ncommit ${fix} upstream.\n\n`);
  expect(patch).toMatch(/^Cc: stable@vger\.kernel\.org$/m);
  const work = join(lab.directory, 'stable-new');
  await runText({ program: 'git', args: ['clone', '--quiet', '--', tiny.repo, work] });
  const git = new Git(work);
  await git.text(['checkout', '--quiet', 'stable-new']);
  const place = join(lab.directory, 'patches');
  await mkdir(place);
  await writeFile(join(place, '1.patch'), patch);
  const person = ['-c', 'user.name=A', '-c', 'user.email=a@example.org'];
  await git.text([...person, 'am', '--quiet', join(place, '1.patch')]);
  const repository = new Git(join(lab.directory, 'state', 'git'));
  const branch = `refs/heads/kbisect/${id}/stable-new`;
  expect(await git.treeOf(await git.resolveCommit('HEAD'))).toBe(
    await repository.treeOf(await repository.resolveCommit(branch)),
  );
  expect(await repository.text(['log', '-1', '--format=%B', branch])).toContain(
    `(cherry picked from commit ${fix})`,
  );
}

describe('a regression', () => {
  it('is told to be on the stable branches that have it, by itself or as a backport, and lack its fix', async () => {
    const reads = await tiny.reads(SYMLINKS, 0);
    const ends = ['--repo', tiny.repo, '--good', 'root', '--bad', 'middle', '--reproducer', reads];
    const id = await lab.submit(...ends, '--backport-to', 'stable-old', 'root');
    expect(await lab.result(id)).toMatchObject({ state: 'found', culprit: { subject: 'breaks' } });
    const report = reportDocument.parse(JSON.parse(await text('report', id, '--json')));
    expect(report.branches).toMatchObject([
      { name: 'stable-old', has: 'culprit' },
      { name: 'root', has: 'nothing' },
    ]);
    expect(report.branches[0]?.fix).toBeUndefined();
    const mail = await text('report', id);
    readReport(parseMail(mail));
    expect(mail).toContain('stable-old: has it, and no fix of it');
  });
});
