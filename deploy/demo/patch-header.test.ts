import { runText } from '@kbisect/shared/process';
import { expect, test } from 'vitest';
import { asMail, readMailInfo } from './patch-header.js';

const diff = '--- a/one\n+++ b/one\n@@ -1 +1 @@\n-1\n+2\n';

async function mailInfo(patch: string) {
  const args = ['mailinfo', '-b', '/dev/null', '/dev/null'];
  return readMailInfo(await runText({ program: 'git', args, input: asMail(patch) }));
}

test("a patch's author, date and subject are those of its mail header", async () => {
  const patch = [
    'From: =?UTF-8?q?Frederik=20Sch=C3=BCler?= <fs@example.org>',
    'Date: Fri, 02 Nov 2012 05:32:06 +0100',
    'Subject: [PATCH 3/7] fs: Enable link security restrictions',
    ' by default',
    'Bug-Debian: https://bugs.example.org/609455',
    '',
    'Why it is done.',
    '',
    diff,
  ].join('\n');
  expect(await mailInfo(patch)).toEqual({
    author: 'Frederik Schüler',
    email: 'fs@example.org',
    subject: 'fs: Enable link security restrictions by default',
    date: 'Fri, 02 Nov 2012 05:32:06 +0100',
  });
});

test('a DEP-3 header is read as well', async () => {
  const patch = `Author: Luca B <luca@example.org>\nDescription: trust keyring by default\n Debian always did.\n .\n So it stays.\nLast-Update: 2023-02-01\n${diff}`;
  expect(await mailInfo(patch)).toEqual({
    author: 'Luca B',
    email: 'luca@example.org',
    subject: 'trust keyring by default',
    date: '2023-02-01',
  });
  expect(asMail(patch)).toContain('\n\nDebian always did.\n\nSo it stays.\n--- a/one');
});
