import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { KbisectError, messageOf, systemCode } from '@kbisect/shared/errors';
import { runText } from '@kbisect/shared/process';
import { sourceOnly, type SourceFile } from './sources.js';
import { versionsToTry } from './version.js';

/** A Debian source package as it was downloaded, its hashes checked by apt against the signed index. */
export interface SourcePackage {
  readonly version: string;
  /** The upstream tarball. */
  readonly upstream: string;
  /** The tarball that has `debian/`. */
  readonly debian: string;
}

/**
 * Brings the newest version of a source package that can be had from the machine's own mirrors. The index of a
 * mirror may be newer than its files: versions that are not there are passed over. Apt's own state is not touched: its lists,
 * its cache and the `deb-src` entries all live in `directory`, where a second call finds the package again.
 * @param prefix what the version begins with, as `6.1.`
 * @throws KbisectError `unavailable` when no version can be downloaded
 */
export async function bringSourcePackage(
  directory: string,
  source: string,
  prefix: string,
  say: (line: string) => void,
): Promise<SourcePackage> {
  const finished = join(directory, 'source');
  const kept = await packageIn(finished, source);
  if (kept) return kept;

  const apt = await privateApt(join(directory, 'apt'));
  say(`reading Debian's source index`);
  await runText({ program: 'apt-get', args: [...apt, '-qq', 'update'], timeoutMs: 300_000 });
  const showsrc = await runText({ program: 'apt-cache', args: [...apt, 'showsrc', '--only-source', source] });
  const versions = versionsToTry(showsrc, source, prefix);
  const failures: string[] = [];
  for (const version of versions) {
    say(`downloading the source package ${source} ${version}`);
    const partial = join(directory, 'source.partial');
    await rm(partial, { recursive: true, force: true });
    await mkdir(partial, { recursive: true });
    const args = [...apt, '-qq', 'source', '--download-only', '--only-source', `${source}=${version}`];
    try {
      await runText({ program: 'apt-get', args, cwd: partial, timeoutMs: 900_000 });
    } catch (error) {
      failures.push(messageOf(error));
      continue;
    }
    await rename(partial, finished);
    const found = await packageIn(finished, source);
    if (found) return found;
  }
  throw new KbisectError(
    'unavailable',
    versions.length === 0
      ? `no Debian mirror of this machine lists ${source} ${prefix}*`
      : `none of ${source} ${versions.join(', ')} could be downloaded; the last said: ${failures.at(-1) ?? ''}`,
  );
}

async function packageIn(directory: string, source: string): Promise<SourcePackage | undefined> {
  const names = await namesIn(directory);
  const dsc = names.find((name) => name.startsWith(`${source}_`) && name.endsWith('.dsc'));
  const upstream = names.find((name) => /\.orig\.tar\.xz$/.test(name));
  const debian = names.find((name) => /\.debian\.tar\.xz$/.test(name));
  if (!dsc || !upstream || !debian) return undefined;
  return {
    version: dsc.slice(source.length + 1, -'.dsc'.length),
    upstream: join(directory, upstream),
    debian: join(directory, debian),
  };
}

/** Apt's options for sources, lists and cache of its own. */
async function privateApt(directory: string): Promise<string[]> {
  const release = await readFile('/etc/os-release', 'utf8');
  const codename = /^VERSION_CODENAME=(\w+)$/m.exec(release)?.[1] ?? 'bookworm';
  const { list, sources } = sourceOnly(await machineSources(), codename);
  if (list === '' && sources === '') {
    throw new KbisectError(
      'failed-precondition',
      `/etc/apt has no source for Debian ${codename} main; add one and call again`,
    );
  }
  const parts = join(directory, 'parts');
  await rm(parts, { recursive: true, force: true });
  for (const path of [parts, join(directory, 'lists/partial'), join(directory, 'cache/archives/partial')]) {
    await mkdir(path, { recursive: true });
  }
  if (list !== '') await writeFile(join(parts, 'debian.list'), list);
  if (sources !== '') await writeFile(join(parts, 'debian.sources'), sources);
  const settings = {
    'Dir::Etc::SourceList': '/dev/null',
    'Dir::Etc::SourceParts': parts,
    'Dir::State::Lists': join(directory, 'lists'),
    'Dir::Cache': join(directory, 'cache'),
    'Acquire::Languages': 'none',
    'Acquire::Retries': '3',
    // Its own user for downloads cannot write into a clone that root owns.
    'APT::Sandbox::User': 'root',
  };
  return Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
}

async function machineSources(): Promise<SourceFile[]> {
  const parts = '/etc/apt/sources.list.d';
  const names = (await namesIn(parts)).filter((name) => /\.(list|sources)$/.test(name)).sort();
  const paths = ['/etc/apt/sources.list', ...names.map((name) => join(parts, name))];
  const files = await Promise.all(paths.map(async (path) => ({ name: path, text: await readOrEmpty(path) })));
  return files.filter(({ text }) => text !== '');
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    throw error;
  }
}

async function readOrEmpty(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return '';
    throw error;
  }
}
