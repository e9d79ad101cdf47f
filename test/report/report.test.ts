import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { maintainersOf } from '@kbisect/coordinator/report/maintainers';
import {
  reportDocument,
  reportSchema,
  type ReportDocument,
} from '@kbisect/coordinator/report/report-document';
import { reportHtml } from '@kbisect/coordinator/report/report-html';
import { isFound, reportMail } from '@kbisect/coordinator/report/report-mail';
import { fixesTag } from '@kbisect/coordinator/report/gather-report';
import { parseMail, readReport } from './kernel-mail.js';

const id = (digit: string) => digit.repeat(40);

function sample(subject: string, more: Partial<ReportDocument> = {}, author = 'An Author'): ReportDocument {
  const commit = id('a');
  return {
    version: 1,
    job: 'job1',
    title: 'linux v6.1..v6.2: crash.c',
    mode: 'regression',
    state: 'found',
    reason: '',
    culprit: {
      commit,
      subject,
      author,
      email: 'author@example.org',
      date: 'Mon, 5 Jan 2026 09:00:00 +0000',
      parents: [id('b')],
      fixesTag: fixesTag(commit, subject),
    },
    pair: [],
    candidates: [],
    olds: [{ commit: id('c'), subject: 'old', version: '6.1.0' }],
    new: { commit: id('d'), subject: 'new', version: '6.2.0' },
    shows: { old: 'pass', new: 'crash: BUG: unable to handle kernel NULL pointer dereference in read16' },
    crash: {
      signature: 'BUG: unable to handle kernel NULL pointer dereference in read16',
      function: 'read16',
      file: 'drivers/scsi/scsi_debug.c',
      lines: ['[    1.234567] BUG: kernel NULL pointer dereference, address: 0000000000000000'],
    },
    checks: [
      {
        kind: 'culprit',
        what: 'aaaaaaaaaaaa, built anew, is new',
        of: commit,
        commit,
        result: 'PASS',
        detail: 'crash: BUG: unable to handle kernel NULL pointer dereference in read16, in the same image',
        conflicts: [],
        needs: [],
        fixes: [],
      },
    ],
    requires: ['site=basement'],
    branches: [
      { name: 'linux-6.1.y', commit: id('e'), has: 'backport', backport: { commit: id('f'), subject } },
    ],
    minimalConfig: {
      settings: [{ setting: 'CONFIG_SCSI_DEBUG=y', without: 'the culprit: the guest lacks /dev/sg0' }],
      spared: ['CONFIG_CMDLINE="quiet"', 'CONFIG_EXT4_FS=y', 'CONFIG_PCI=y'],
      kept: ['CONFIG_PCI=y'],
      minimal: true,
      reason: '',
    },
    people: [
      { name: author, email: 'author@example.org', roles: ['author'] },
      { name: 'Doe, J. (Company)', email: 'j@example.org', roles: ['maintainer (SCSI)'] },
      { name: '', email: 'linux-scsi@vger.kernel.org', roles: ['list (SCSI)'] },
    ],
    range: { commits: 165, classes: 11 },
    test: {
      kind: 'boot',
      reproducer: ['crash.c'],
      arch: 'x86_64',
      compiler: 'gcc (Debian 12.2.0-14) 12.2.0',
      config: [{ name: 'scsi.config', sha256: '1'.repeat(64) }],
      fixups: [],
      qemu: ['qemu-system-x86_64', '-append', 'console=ttyS0 panic=-1'],
    },
    statistics: { builds: 9, trials: 14, cacheHits: 3, seconds: 312.4 },
    verdicts: [{ commit, subject, verdict: 'bad', shown: 'crash' }],
    bisectLog: `git bisect start '${id('d')}' '${id('c')}'\n`,
    ...more,
  };
}

function mailOf(report: ReportDocument) {
  if (!isFound(report)) throw new Error('nothing found');
  return parseMail(reportMail(report));
}

describe('a report by e-mail', () => {
  it('has the tags that tools read, with ids of 12 characters', () => {
    const mail = mailOf(sample('scsi: read too far'));
    expect(readReport(mail)).toEqual({
      regzbot: 'a'.repeat(12),
      fixes: { commit: 'a'.repeat(12), subject: 'scsi: read too far' },
      fixedBy: undefined,
      log: `git bisect start '${id('d')}' '${id('c')}'\n`,
    });
    expect(mail.headers.get('Subject')).toMatch(
      /^\[REGRESSION\] BUG: .* since a{12} \("scsi: read too far"\)$/,
    );
    expect(mail.headers.get('To')).toBe('An Author <author@example.org>');
    expect(mail.headers.get('Cc')).toBe('"Doe, J. (Company)" <j@example.org>, linux-scsi@vger.kernel.org');
  });

  it('says which settings the culprit takes, what is seen without them, and how far that was found out', () => {
    const text = mailOf(sample('scsi: read too far')).body.join('\n');
    expect(text).toContain(`Configuration
-------------
it takes 1 of the 4 settings asked for:
CONFIG_SCSI_DEBUG=y (without it, the culprit: the guest lacks /dev/sg0)
not needed: CONFIG_CMDLINE="quiet", CONFIG_EXT4_FS=y
not needed, and on all the same: CONFIG_PCI=y
`);
    const spent = { settings: [], spared: ['CONFIG_A=y'], kept: [], minimal: false, reason: 'it was spent' };
    const other = mailOf(sample('a', { minimalConfig: spent })).body.join('\n');
    expect(other).toContain('it takes at most 0 of the 1 setting asked for; this is not minimal');
  });

  it('of a fix names it as such, and tells regzbot of no regression', () => {
    const tags = readReport(mailOf(sample('scsi: do not read too far', { mode: 'fix' })));
    expect(tags).toMatchObject({ regzbot: undefined, fixes: undefined });
    expect(tags.fixedBy).toEqual({ commit: 'a'.repeat(12), subject: 'scsi: do not read too far' });
  });

  it('keeps to the conventions whatever subjects, names and outcomes are, and is ASCII when they are', () => {
    const words = fc.stringMatching(/^[!-~]([ -~]{0,120}[!-~])?$/);
    fc.assert(
      fc.property(
        fc.oneof(words, fc.string({ unit: 'grapheme', minLength: 1, maxLength: 80 }).map(oneLine)),
        fc.oneof(words, fc.constant('Jörg Möller')),
        words,
        fc.constantFrom('regression', 'fix', 'any'),
        (subject, author, shown, mode) => {
          const report = sample(
            subject,
            { mode: mode as never, reason: shown, shows: { old: 'pass', new: shown } },
            author,
          );
          const text = isFound(report) ? reportMail(report) : '';
          const mail = parseMail(text);
          readReport(mail);
          expect(mail.headers.get('Subject')?.replace(/\s+/g, ' ')).toContain(
            `("${subject.replace(/\s+/g, ' ')}")`,
          );
          const ascii = /^[\x20-\x7e]*$/.test(subject + author + shown);
          expect(/^[\n\x20-\x7e]*$/.test(text)).toBe(ascii);
          expect(mail.headers.get('Content-Type')).toContain(ascii ? 'us-ascii' : 'utf-8');
        },
      ),
      { numRuns: 300 },
    );
  });
});

const oneLine = (text: string) => text.replace(/[^\P{C}]|\s+/gu, ' ').trim() || 'x';

describe('a report for programs', () => {
  it('is what the published schema says', async () => {
    const published = JSON.parse(
      await readFile(join(import.meta.dirname, '../../docs/report.schema.json'), 'utf8'),
    ) as unknown;
    expect(published).toEqual(JSON.parse(JSON.stringify(reportSchema())));
    expect(reportDocument.parse(JSON.parse(JSON.stringify(sample('a'))))).toEqual(sample('a'));
  });

  it('as a page shows no markup of a hostile commit', () => {
    const html = reportHtml(sample('<script>alert(1)</script>', {}, '"><img src=x onerror=alert(1)>'));
    expect(html).not.toMatch(/<script|<img/);
    expect(html).toContain('&lt;script&gt;');
  });
});

describe('MAINTAINERS', () => {
  const TEXT = `List of maintainers
===================

Maintainers List
----------------

SCSI SUBSYSTEM
M:	"James E.J. Bottomley" <jejb@linux.ibm.com>
M:	Martin K. Petersen <martin.petersen@oracle.com>
L:	linux-scsi@vger.kernel.org
S:	Maintained
F:	drivers/scsi/
X:	drivers/scsi/aacraid/

ONE DRIVER
R:	A Reviewer <r@example.org>
L:	private@example.org (subscribers-only)
F:	drivers/scsi/one*

BY NAME
M:	By Name <name@example.org>
N:	[^a-z]sr16

THE REST
M:	Linus Torvalds <torvalds@linux-foundation.org>
L:	linux-kernel@vger.kernel.org
F:	*
F:	*/
`;
  const emails = (...files: string[]) => maintainersOf(TEXT, files).map(({ email }) => email);
  const rest = 'linux-kernel@vger.kernel.org';

  it('names who looks after a file: below a directory, by a pattern, by a name, and not what is left out', () => {
    const scsi = ['jejb@linux.ibm.com', 'martin.petersen@oracle.com', 'linux-scsi@vger.kernel.org'];
    expect(emails('drivers/scsi/sd.c')).toEqual([...scsi, rest]);
    expect(emails('drivers/scsi/one-host.c')).toEqual([...scsi, 'r@example.org', rest]);
    expect(emails('drivers/scsi/aacraid/x.c')).toEqual([rest]);
    expect(emails('lib/sr16.c')).toEqual(['name@example.org', rest]);
    expect(emails('Makefile')).toEqual([rest]);
  });
});
