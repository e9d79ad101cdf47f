import { readFile } from 'node:fs/promises';
import { posix, join } from 'node:path';
import type { BuildRecord } from '@kbisect/shared/build-record';
import { definedByHand } from '@kbisect/shared/c-source';
import { digestOfFile } from '@kbisect/shared/digest';
import { parseConfig } from '@kbisect/shared/settings';
import type { Reads } from './access-times.js';
import type { CommandFile } from './command-file.js';
import type { CommandFiles } from './command-files.js';

/** A build that is over, and what is known of its reading. */
export interface FinishedBuild {
  readonly tree: string;
  readonly seconds: number;
  /** When it began, in ms of the file system's clock. */
  readonly began: number;
  /** All that this build and those before it in the tree have read. */
  readonly reads: Reads;
  /** The files of the commit. */
  readonly tracked: ReadonlySet<string>;
  readonly commandFiles: CommandFiles;
  /** Config symbols that were asked for. */
  readonly asked: readonly string[];
}

const C = /\.[chS]$|\.lds$|\.dtsi?$/;
const INCLUDE = /^\s*#\s*include\s*(["<])([^">\n]+)[">]/gm;

/**
 * What a build consumed: what its compilers and make were seen to read (access times), and what kbuild's own dependency
 * files say of objects that were there already. What is generated counts as what it is generated from.
 */
export async function recordBuild(build: FinishedBuild, signal: AbortSignal): Promise<BuildRecord> {
  const { tree, tracked, reads } = build;
  const { files, compiled } = await build.commandFiles.read(tree, build.began, signal);
  const byTarget = new Map(files.map((file) => [file.target, file]));
  const objects = files
    .filter(({ needs }) => needs.length > 0)
    .map(({ target, needs }) => ({ path: target, needs: trackedBehind(needs, byTarget, tracked) }));

  const listed = new Set(objects.flatMap(({ needs }) => needs));
  const read = reads.files.filter((path) => tracked.has(path));
  const consumed = [...new Set([...listed, ...read])].sort();
  const places = new Map(consumed.map((path, place) => [path, place]));
  const indices = (wanted: (path: string) => boolean) =>
    consumed.flatMap((path, place) => (wanted(path) ? [place] : []));
  const includes = await readSources(tree, consumed);
  const texts = new Set(files.flatMap(({ needs, words }) => (needs.length > 0 ? [] : words)));
  return {
    version: 2,
    files: consumed,
    makefiles: indices(isMakefile),
    kconfig: indices(isKconfig),
    tools: indices((path) => !listed.has(path) && !isMakefile(path) && !isKconfig(path)),
    texts: indices((path) => texts.has(path)),
    defined: [...includes.defined].sort(),
    objects: objects.map(({ path, needs }) => ({
      path,
      needs: needs.map((need) => places.get(need)!).sort((one, other) => one - other),
    })),
    directories: [...reads.directories].sort(),
    includePlaces: [...new Set(files.flatMap((file) => file.includePlaces))].sort(),
    includeNames: [...includes.names].sort(),
    absent: [...includes.beside].filter((path) => !tracked.has(path)).sort(),
    symbols: (await symbolsOf(build)).sort(),
    config: (await digestOfFile(join(tree, '.config'))).digest,
    seconds: build.seconds,
    compiled,
  };
}

/** The files of the commit among these and behind the generated ones of them. */
function trackedBehind(
  needs: readonly string[],
  byTarget: ReadonlyMap<string, CommandFile>,
  tracked: ReadonlySet<string>,
): string[] {
  const seen = new Set(needs);
  for (const path of seen) {
    const made = tracked.has(path) ? undefined : byTarget.get(path);
    for (const behind of made ? [...made.words, ...made.needs] : []) seen.add(behind);
  }
  return [...seen].filter((path) => tracked.has(path));
}

/**
 * What these files include, by name; of what they include in quotes, the paths beside them where it is looked for; and the
 * config symbols that they define by hand.
 */
async function readSources(
  tree: string,
  consumed: readonly string[],
): Promise<{ names: Set<string>; beside: Set<string>; defined: Set<string> }> {
  const names = new Set<string>();
  const beside = new Set<string>();
  const defined = new Set<string>();
  for (const path of consumed.filter((path) => C.test(path))) {
    const text = await readFile(join(tree, path), 'latin1');
    for (const symbol of definedByHand(text)) defined.add(symbol);
    for (const [, quote, name = ''] of text.matchAll(INCLUDE)) {
      names.add(name);
      const place = posix.join(posix.dirname(path), name);
      if (quote === '"' && !place.startsWith('..') && !place.startsWith('/')) beside.add(place);
    }
  }
  return { names, beside, defined };
}

/** Symbols that are on or were asked for, without their prefix. */
async function symbolsOf({ tree, asked }: FinishedBuild): Promise<string[]> {
  const settings = parseConfig(await readFile(join(tree, '.config'), 'utf8'));
  const on = settings.flatMap(({ symbol, value }) => (value === 'n' ? [] : [symbol]));
  return [...new Set([...on, ...asked])].map((symbol) => symbol.replace(/^CONFIG_/, ''));
}

function isMakefile(path: string): boolean {
  const name = posix.basename(path);
  return /^(Makefile|Kbuild)|\.mk$|\.include$/.test(name) && !isKconfig(path);
}

function isKconfig(path: string): boolean {
  return posix.basename(path).startsWith('Kconfig');
}
