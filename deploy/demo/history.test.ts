import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { runText } from '@kbisect/shared/process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeHistory, type History } from './history.js';
import type { SourcePackage } from './source-package.js';

let directory: string;
let source: SourcePackage;

const changelog = `linux (6.1.7-2) bookworm; urgency=high

  * New.

 -- Pat Packager <pat@example.org>  Mon, 07 Sep 2026 21:33:42 +0200
`;

const patches = {
  'debian/first.patch': `From: One Author <one@example.org>
Date: Fri, 02 Nov 2012 05:32:06 +0100
Subject: kernel: Count further

It counts to two.
---
 kernel/count.c | 2 +-

--- a/kernel/count.c
+++ b/kernel/count.c
@@ -1 +1 @@
-int count = 1;
+int count = 2;
`,
  'second.patch': `From: Two Author <two@example.org>
Subject: scripts: Move, add and remove

diff --git a/old.txt b/new.txt
similarity index 100%
rename from old.txt
rename to new.txt
diff --git a/run.sh b/run.sh
deleted file mode 100755
--- a/run.sh
+++ /dev/null
@@ -1 +0,0 @@
-echo
diff --git a/made/here b/made/here
new file mode 100755
--- /dev/null
+++ b/made/here
@@ -0,0 +1 @@
+here
`,
};

async function put(path: string, text: string): Promise<string> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
  return path;
}

async function pack(name: string, top: string): Promise<string> {
  const archive = join(directory, name);
  await runText({ program: 'tar', args: ['-C', directory, '-cJf', archive, top] });
  return archive;
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'history-'));
  const upstream = join(directory, 'linux-6.1.7');
  await put(join(upstream, 'kernel/count.c'), 'int count = 1;\n');
  await put(join(upstream, 'old.txt'), 'same\n');
  await chmod(await put(join(upstream, 'run.sh'), 'echo\n'), 0o755);
  await symlink('kernel/count.c', join(upstream, 'link'));
  await put(join(directory, 'debian/changelog'), changelog);
  await put(join(directory, 'debian/patches/series'), '# ours\ndebian/first.patch\n\nsecond.patch # later\n');
  for (const [name, text] of Object.entries(patches))
    await put(join(directory, 'debian/patches', name), text);
  source = {
    version: '6.1.7-2',
    upstream: await pack('linux_6.1.7.orig.tar.xz', 'linux-6.1.7'),
    debian: await pack('linux_6.1.7-2.debian.tar.xz', 'debian'),
  };
});
afterAll(() => rm(directory, { recursive: true }));

const quiet = () => undefined;
const tree = async ({ git }: History, commit: string) =>
  (await git.text(['ls-tree', '-r', '--format=%(objectmode) %(path)', commit])).split('\n');

test('the history is the upstream tarball, then one commit a patch with its own author, date and words', async () => {
  const history = await makeHistory(join(directory, 'one.git'), source, quiet);
  const log = await history.git.text(['log', '--reverse', '--format=%an <%ae>|%aI|%cn|%s|%b', history.last]);
  expect(log.split('\n').filter(Boolean)).toEqual([
    'Pat Packager <pat@example.org>|2026-09-07T21:33:42+02:00|Pat Packager|Linux 6.1.7|',
    'One Author <one@example.org>|2012-11-02T05:32:06+01:00|Pat Packager|kernel: Count further|It counts to two.',
    'Two Author <two@example.org>|2026-09-07T21:33:42+02:00|Pat Packager|scripts: Move, add and remove|',
  ]);
  const files = ['100644 kernel/count.c', '120000 link', '100644 old.txt', '100755 run.sh'];
  expect(await tree(history, history.upstream)).toEqual(files);
  expect(await history.git.text(['show', `${history.upstream}:link`])).toBe('kernel/count.c');
  expect(await history.git.text(['show', `${history.last}~1:kernel/count.c`])).toBe('int count = 2;');
  expect(await tree(history, history.last)).toEqual([
    '100644 kernel/count.c',
    '120000 link',
    '100755 made/here',
    '100644 new.txt',
  ]);
});

test('the same package gives the same commits', async () => {
  const again = await makeHistory(join(directory, 'two.git'), source, quiet);
  const once = await makeHistory(join(directory, 'one.git'), source, quiet);
  expect(again.last).toBe(once.last);
});

test('a patch that does not apply is an error, and leaves no half history behind', async () => {
  const text = patches['debian/first.patch'].replace('-int count = 1;', '-int count = 7;');
  await put(join(directory, 'debian/patches/debian/first.patch'), text);
  const broken = { ...source, debian: await pack('broken.debian.tar.xz', 'debian') };
  const path = join(directory, 'three.git');
  await expect(makeHistory(path, broken, quiet)).rejects.toThrow('patch does not apply');
  await expect(runText({ program: 'git', args: ['-C', path, 'rev-parse'] })).rejects.toThrow();
});
