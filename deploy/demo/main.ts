/**
 * The main job on real input: which of Debian's patches made /proc/sys/fs/protected_symlinks default to 1?
 * What it brings and makes stays in `demoDirectory()`, so that a second run has only to boot.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '@kbisect/shared/errors';
import { clone, debianLinux, demoDirectory } from './debian-linux.js';
import { Farm } from './kbisect.js';

const EXPECTED = 'fs: Enable link security restrictions by default';

const began = Date.now();
const directory = demoDirectory();

function say(line: string): void {
  const seconds = Math.round((Date.now() - began) / 1000);
  process.stdout.write(`[demo ${String(seconds).padStart(3)} s] ${line}\n`);
}

async function demo(): Promise<boolean> {
  const history = await debianLinux(directory, say);
  const commits = await history.git.text(['rev-list', '--count', `${history.upstream}..${history.last}`]);
  say(
    `${history.git.directory}: Debian's Linux, ${commits} patches on ${await history.git.subject(history.upstream)}`,
  );

  const farm = await Farm.start(join(directory, 'farm'), 2, say);
  const interrupted = () => void farm.stop().then(() => process.exit(130));
  process.once('SIGINT', interrupted);
  process.once('SIGTERM', interrupted);
  try {
    await farm.cancelUnfinished();
    say('which commit made /proc/sys/fs/protected_symlinks default to 1?');
    const repo = ['--repo', history.git.directory, '--good', 'upstream', '--bad', 'debian'];
    const reproducer = ['--reproducer', join(clone, 'deploy/demo/protected_symlinks.c')];
    const job = await farm.text(['bisect', ...repo, ...reproducer, '--detach']);
    say(`job ${job}: the commits are pushed, the search begins`);
    const status = await farm.show(['watch', job]);
    say('git bisect log');
    process.stdout.write(`${await farm.text(['log', job])}\n`);
    const { culprit } = JSON.parse(await farm.text(['job', job, '--json'])) as {
      culprit: { commit: string; subject: string } | null;
    };
    // What one sends to others.
    await writeFile(join(directory, 'report.txt'), `${await farm.text(['report', job])}\n`);
    say(await farm.text(['bundle', job, '-o', join(directory, 'finding.tar.zst')]));
    const found = status === 0 && culprit?.subject === EXPECTED;
    say(
      found ? `found: ${culprit.commit} ${culprit.subject}` : `expected "${EXPECTED}", which was not found`,
    );
    return found;
  } finally {
    await farm.stop();
  }
}

try {
  process.exitCode = (await demo()) ? 0 : 1;
} catch (error) {
  process.stderr.write(`demo: ${messageOf(error)}\n`);
  process.exitCode = 1;
}
