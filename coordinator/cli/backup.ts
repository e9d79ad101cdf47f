import { mkdir, mkdtemp, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { copyJournal } from '../src/journal/copy-journal.js';
import { KbisectError } from '@kbisect/shared/errors';
import { run, runText } from '@kbisect/shared/process';

/** What belongs to the place and not to the jobs. */
const LEFT_OUT = ['lock', 'log', 'agents', 'cache/tmp', 'journal.mdb', 'journal.mdb-lock'];
/** What is made of the journal again. */
const SHORTCUTS = ['snapshots.mdb', 'snapshots.mdb-lock'];
/** What tar ends with when a file grew while it was read, which the journal's copy does not name. */
const CHANGED = 1;

/**
 * Writes all that a coordinator keeps to one file, `.tar.zst`, while it runs: jobs as they are at one moment, and at least
 * the commits, kernels and consoles that they name.
 * @throws KbisectError `not-found` when that is no coordinator's directory; nothing is left behind then
 */
export async function backup(state: string, file: string, options: { cache: boolean }): Promise<void> {
  await stat(join(state, 'cache')).catch(() => {
    throw new KbisectError('not-found', `${state} is no coordinator's directory; name it by --state`);
  });
  const target = resolve(file);
  const partial = `${target}.partial`;
  const place = await mkdtemp(join(dirname(target), '.kbisect-backup-'));
  try {
    // The journal first: what it names is there before it is named.
    const journal = join(state, 'journal.mdb');
    const isHere = (await readdir(state)).includes('journal.mdb');
    if (isHere) await copyJournal(journal, join(place, 'journal.copy'));
    else process.stderr.write('the journal is in NATS; back its streams up there\n');
    const excluded = [...LEFT_OUT, ...SHORTCUTS, ...(options.cache ? [] : ['cache/blobs', 'cache/actions'])];
    const renamed = '--transform=s,^\\./journal\\.copy$,./journal.mdb,';
    const args = ['--zstd', '-cf', partial, renamed, ...excluded.map((path) => `--exclude=./${path}`)];
    // Keys are in it: tar keeps the mode of what is there.
    await writeFile(partial, '', { mode: 0o600 });
    const done = await run({
      program: 'tar',
      args: [...args, '-C', resolve(state), '.', ...(isHere ? ['-C', place, './journal.copy'] : [])],
    });
    if (done.status !== 0 && done.status !== CHANGED)
      throw new KbisectError('command-failed', `tar: ${done.stderr.trim().slice(-300)}`);
    await runText({ program: 'sync', args: [partial] });
    await rename(partial, target);
  } finally {
    await rm(partial, { force: true });
    await rm(place, { recursive: true, force: true });
  }
}

/**
 * Makes a coordinator's directory from a backup.
 * @throws KbisectError `failed-precondition` when there is something already, `invalid-argument` when the file is no backup
 */
export async function restore(file: string, state: string): Promise<void> {
  const directory = resolve(state);
  const found = await readdir(directory).catch(() => []);
  if (found.length > 0)
    throw new KbisectError('failed-precondition', `${state} is not empty; restore to another --state`);
  await mkdir(dirname(directory), { recursive: true });
  const partial = await mkdtemp(join(dirname(directory), `.${basename(directory)}-`));
  try {
    const args = ['--zstd', '-xf', resolve(file), '--no-same-owner', '-C', partial];
    const done = await run({ program: 'tar', args });
    if (done.status !== 0 || !(await readdir(partial)).includes('cache')) {
      const said = done.stderr.trim().slice(-300);
      throw new KbisectError(
        'invalid-argument',
        `${file} is no backup of a coordinator${said && `: ${said}`}`,
      );
    }
    await rm(directory, { recursive: true, force: true });
    await rename(partial, directory);
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}
