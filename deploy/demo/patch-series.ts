import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { gitEnvironment } from '@kbisect/shared/git';
import { runText } from '@kbisect/shared/process';
import type { Person } from './fast-import.js';
import { asMail, readMailInfo } from './patch-header.js';

/** One of Debian's patches. */
export interface Patch {
  readonly file: string;
  /** The paths that it touches. */
  readonly paths: readonly string[];
  readonly author: Person;
  readonly message: string;
}

/**
 * Debian's patches in the order of `series`, each as the commit that it is to become. Where a patch does not say who
 * made it, or when, it is as of the package.
 */
export async function readSeries(directory: string, debian: Person): Promise<Patch[]> {
  const series = await readFile(join(directory, 'series'), 'utf8');
  const names = series.split('\n').flatMap(
    (line) =>
      line
        .replace(/(^|\s)#.*/, '')
        .trim()
        .split(/\s/)[0] || [],
  );
  const patches: Patch[] = [];
  for (const name of names) patches.push(await readPatch(directory, name, debian));
  return patches;
}

async function readPatch(directory: string, name: string, debian: Person): Promise<Patch> {
  const file = join(directory, name);
  const body = `${file}.message`;
  const text = await readFile(file, 'utf8');
  const info = readMailInfo(
    await runText({
      program: 'git',
      args: ['mailinfo', '-b', body, '/dev/null'],
      input: asMail(text),
      env: gitEnvironment(),
    }),
  );
  const numstat = await runText({
    program: 'git',
    args: ['apply', '--numstat', '-z', '--', file],
    cwd: directory,
    env: outside(directory),
  });
  const written = numstat.split('\0').flatMap((line) => line.split('\t')[2] || []);
  const renamed = Array.from(text.matchAll(/^(?:rename|copy) from (.*)$/gm), (match) => match[1]!);
  const subject = info.subject || basename(name, '.patch');
  return {
    file,
    paths: [...renamed, ...written],
    author: {
      name: info.author || debian.name,
      email: info.email || debian.email,
      when: gitTime(info.date) ?? debian.when,
    },
    message: `${subject}\n\n${(await readFile(body, 'utf8')).trim()}`.trim() + '\n',
  };
}

/** Who made the package, and when, by its changelog's first entry. */
export async function readPackager(changelog: string): Promise<Person> {
  const [, name, email, date] = /^ -- (.*) <(.*)> {2}(.*)$/m.exec(await readFile(changelog, 'utf8')) ?? [];
  return { name: name ?? 'Debian', email: email ?? '', when: gitTime(date ?? '') ?? '0 +0000' };
}

/** Git's raw time of a mail's date (`Fri, 02 Nov 2012 05:32:06 +0000`); nothing when it is none. */
function gitTime(date: string): string | undefined {
  const milliseconds = Date.parse(date);
  if (Number.isNaN(milliseconds) || milliseconds < 0) return undefined;
  return `${Math.floor(milliseconds / 1000)} ${/[+-]\d{4}\b/.exec(date)?.[0] ?? '+0000'}`;
}

/** Git's environment in a directory that is no repository of its own and must not be taken for a part of one around it. */
export function outside(directory: string): NodeJS.ProcessEnv {
  return { ...gitEnvironment(), GIT_CEILING_DIRECTORIES: dirname(directory) };
}
