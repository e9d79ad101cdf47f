import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BuildRecord } from '@kbisect/shared/build-record';
import { Git } from '@kbisect/shared/git';
import { commitId, type CommitId } from '@kbisect/shared/ids';
import { runText } from '@kbisect/shared/process';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readChanges } from '../read-changes.js';
import { RevListParser } from '../search/graph.js';
import { collapse, type Classes } from './collapse.js';
import { Consumed } from './consumed.js';
import type { RangeChanges } from './prediction.js';
import { Rebuilds } from './rebuilds.js';

/** A commit of a test's history: its name, its parents' names (the one before by default), and the files that it writes. */
interface Written {
  readonly name: string;
  readonly parents?: readonly string[];
  /** Contents by path; null removes. */
  readonly files: Readonly<Record<string, string | null>>;
}

let directory: string;
let git: Git;
let ids: Map<string, CommitId>;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'classes-'));
  git = await Git.initBare(directory);
  ids = new Map();
});
afterEach(() => rm(directory, { recursive: true }));

/** Writes a history; merges take over the files of their first parent. */
async function write(commits: readonly Written[]): Promise<void> {
  const data = (text: string) => `data ${Buffer.byteLength(text)}\n${text}\n`;
  let stream = '';
  commits.forEach(({ name, parents, files }, index) => {
    const before = index === 0 ? [] : [commits[index - 1]!.name];
    stream += `commit refs/tags/${name}\ncommitter T <t@example.org> ${1000 + index} +0000\n${data(name)}`;
    (parents ?? before).forEach(
      (parent, at) => (stream += `${at === 0 ? 'from' : 'merge'} refs/tags/${parent}\n`),
    );
    for (const [path, text] of Object.entries(files))
      stream += text === null ? `D ${path}\n` : `M 100644 inline ${path}\n${data(text)}`;
  });
  await runText({ program: 'git', args: ['-C', directory, 'fast-import', '--quiet'], input: stream });
  for (const { name } of commits) ids.set(name, await git.resolveCommit(name));
}

/** The changes of `old`..`new`, with `old` as the reference. */
async function changesOf(old: string, neu: string): Promise<RangeChanges> {
  const parser = new RevListParser();
  parser.push(
    Buffer.from(`${await git.text(['rev-list', '--topo-order', '--parents', neu, '--not', old])}\n`),
  );
  return readChanges(git, parser.end(), [commitId(ids.get(old)!)], new AbortController().signal);
}

/** What a build read, by kind of file. */
interface Read {
  readonly sources?: readonly string[];
  readonly makefiles?: readonly string[];
  readonly kconfig?: readonly string[];
  readonly absent?: string[];
  readonly symbols?: string[];
  readonly directories?: string[];
  readonly includes?: { readonly places: string[]; readonly names: string[] };
  /** Sources that scripts read, and symbols that sources define. */
  readonly texts?: readonly string[];
  readonly defined?: string[];
  /** The sources that each object is made of. */
  readonly objects?: Readonly<Record<string, readonly string[]>>;
}

function record(read: Read): BuildRecord {
  const {
    sources = [],
    makefiles = [],
    kconfig = [],
    absent = [],
    symbols = [],
    directories = [],
    includes,
    objects = {},
    texts = [],
    defined = [],
  } = read;
  const files = [...new Set([...sources, ...makefiles, ...kconfig])];
  const places = (paths: readonly string[]) => paths.map((path) => files.indexOf(path)).sort((a, b) => a - b);
  return {
    version: 2,
    files,
    makefiles: places(makefiles),
    kconfig: places(kconfig),
    tools: [],
    texts: places(texts),
    defined,
    objects: Object.entries(objects).map(([path, needs]) => ({ path, needs: places(needs) })),
    directories,
    includePlaces: includes?.places ?? [],
    includeNames: includes?.names ?? [],
    absent,
    symbols,
    config: 'c'.repeat(64),
    seconds: 1,
    compiled: 1,
  };
}

function consumedBy(records: readonly BuildRecord[]): Consumed {
  const consumed = new Consumed();
  for (const each of records) consumed.add(each);
  return consumed;
}

/** The classes as lists of names, in the history's order. */
function named(classes: Classes, { changes }: RangeChanges): string[][] {
  const lists = new Map<number, string[]>();
  for (const [name, id] of ids) {
    const node = changes.nodeOf(id);
    if (node === undefined) continue;
    const list = lists.get(classes.of[node]!) ?? [];
    lists.set(classes.of[node]!, [...list, name]);
  }
  return [...lists.values()];
}

async function classesOf(
  records: readonly BuildRecord[],
  configs: Record<string, string> = {},
): Promise<string[][]> {
  const [first] = ids.keys();
  const range = await changesOf(first!, [...ids.keys()].at(-1)!);
  const consumed = consumedBy(records);
  const relevance = consumed.relevance(range.changes, range.mentions, new Set());
  const canonical = range.transitions.given(consumed, (path) => range.changes.names[path]!);
  const known = Object.entries(configs).map(
    ([name, config]) => [range.changes.nodeOf(ids.get(name)!)!, config] as const,
  );
  return named(collapse(range.changes, relevance, new Map(known), canonical), range);
}

const base = { 'a.c': '0', 'b.c': '0', README: '0', Kconfig: '0', 'drivers/Makefile': '0', 'x.h': '0' };

describe('the commits of a range that give one image', () => {
  it('differ in no file that a build consumed; a revert gives the image back', async () => {
    await write([
      { name: 'old', files: base },
      { name: 'docs', files: { README: '1' } },
      { name: 'code', files: { 'a.c': '1', README: '2' } },
      { name: 'other', files: { 'b.c': '1' } },
      { name: 'revert', files: { 'a.c': '0' } },
      { name: 'new', files: { 'b.c': '1', README: '3' } },
    ]);
    expect(await classesOf([record({ sources: ['a.c'] })])).toEqual([
      ['old', 'docs', 'revert', 'new'],
      ['code', 'other'],
    ]);
    expect(await classesOf([record({ sources: ['a.c'] }), record({ sources: ['b.c'] })])).toHaveLength(4);
  });

  it('include a merge only with the parents to which it changes nothing that was consumed', async () => {
    await write([
      { name: 'old', files: base },
      { name: 'side', files: { README: '1' } },
      { name: 'side-code', files: { 'b.c': '1' } },
      { name: 'main', parents: ['old'], files: { 'a.c': '1' } },
      { name: 'merge-docs', parents: ['main', 'side'], files: { README: '1' } },
      { name: 'merge-code', parents: ['merge-docs', 'side-code'], files: { 'b.c': '1' } },
      { name: 'new', files: { README: '9' } },
    ]);
    expect(await classesOf([record({ sources: ['a.c', 'b.c'] })])).toEqual([
      ['old', 'side'],
      ['side-code'],
      ['main', 'merge-docs'],
      ['merge-code', 'new'],
    ]);
  });

  it('are parted by a file that comes where the build looked for one, or where it read the listing', async () => {
    await write([
      { name: 'old', files: base },
      { name: 'probed', files: { 'include/x.h': '1' } },
      { name: 'probed-again', files: { 'include/x.h': '2' } },
      { name: 'listed', files: { 'kernel/new.c': '1' } },
      { name: 'elsewhere', files: { 'other/new.c': '1' } },
    ]);
    expect(
      await classesOf([record({ sources: ['a.c'], absent: ['include/x.h'], directories: ['kernel'] })]),
    ).toEqual([['old'], ['probed'], ['probed-again'], ['listed', 'elsewhere']]);
  });

  it('are parted by a file that no recorded build read, once an added line of a consumed one brings it in', async () => {
    await write([
      { name: 'old', files: base },
      { name: 'unused', files: { 'x.h': '1' } },
      { name: 'includes', files: { 'a.c': '#include "x.h"\n' } },
      { name: 'used', files: { 'x.h': '2' } },
      { name: 'makes', files: { 'drivers/Makefile': '0\nobj-y += d.o\n', 'drivers/d.c': '1' } },
      { name: 'made', files: { 'drivers/d.c': '2' } },
      { name: 'not-made', files: { 'drivers/e.c': '2' } },
      { name: 'drops', files: { 'a.c': '0', 'drivers/Makefile': '0' } },
    ]);
    const consumed = { sources: ['a.c'], makefiles: ['drivers/Makefile'] };
    const classes = await classesOf([record(consumed)]);
    const classOf = (name: string) => classes.findIndex((names) => names.includes(name));
    expect(classOf('includes')).not.toBe(classOf('used'));
    expect(classOf('makes')).not.toBe(classOf('made'));
    expect(classOf('made')).toBe(classOf('not-made'));
  });

  it('differ in Kconfig alone only if their configurations do', async () => {
    await write([
      { name: 'old', files: base },
      { name: 'one', files: { Kconfig: '1' } },
      { name: 'docs', files: { README: '1' } },
      { name: 'two', files: { Kconfig: '2' } },
      { name: 'code', files: { 'a.c': '1' } },
    ]);
    const records = [record({ sources: ['a.c'], kconfig: ['Kconfig'] })];
    expect(await classesOf(records)).toEqual([['old'], ['one', 'docs'], ['two'], ['code']]);
    expect(await classesOf(records, { old: 'x', docs: 'x' })).toEqual([
      ['old', 'one', 'docs'],
      ['two'],
      ['code'],
    ]);
    expect(await classesOf(records, { old: 'x', one: 'y', code: 'x' })).toEqual([
      ['old', 'two'],
      ['one', 'docs'],
      ['code'],
    ]);
  });
});

describe('a change that concerns only what cannot be on', () => {
  const kconfig = (entries: string) => `menu "Things"\n\n${entries}\nendmenu\n`;
  const entry = (name: string, ...lines: string[]) =>
    `config ${name}\n\tbool "${name}"\n${lines.map((line) => `\t${line}\n`).join('')}`;

  async function classesOfKconfigs(...versions: string[]): Promise<string[][]> {
    await write(
      versions.map((text, version) => ({ name: `v${version}`, files: { ...base, Kconfig: kconfig(text) } })),
    );
    const records = [record({ sources: ['a.c'], kconfig: ['Kconfig'], symbols: ['ON'] })];
    return classesOf(records);
  }

  it('decides nothing: a driver that nobody wants comes, goes, or needs something else', async () => {
    const on = entry('ON');
    expect(
      await classesOfKconfigs(
        on,
        on + entry('OFF', 'depends on ON', 'help', '  default y'),
        on + entry('OFF', 'depends on BROKEN', 'select ON'),
        on,
      ),
    ).toEqual([['v0', 'v1', 'v2', 'v3']]);
  });

  it('decides nothing behind a condition that is off, whatever it is', async () => {
    const on = entry('ON');
    const choice = `choice\n\tprompt "which"\n${entry('ONE')}${entry('OTHER')}endchoice\n`;
    expect(
      await classesOfKconfigs(
        `${on}if OFF\n${entry('ONE', 'default y')}endif\n`,
        `${on}if OFF\n${choice}endif\n`,
        `${on}if OFF\n${choice}source "b/Kconfig"\nendif\n${entry('MORE', 'depends on ON && OFF', 'default y')}`,
      ),
    ).toEqual([['v0', 'v1', 'v2']]);
  });

  it.each([
    ['behind a condition that is on', `if ON\n${entry('ONE', 'default y')}endif\n${entry('ON')}`],
    ['the entry of what is on', entry('ON', 'depends on OFF')],
    ['an entry that is on by itself', entry('ON') + entry('OFF', 'default ON')],
    ['one that another entry turns on', entry('ON', 'select OFF') + entry('OFF')],
    ['a condition around an entry', `if OFF\n${entry('ON')}endif\n`],
    ['what is read besides', `${entry('ON')}source "b/Kconfig"\n`],
    ['an alternative of a choice', `choice\n\tprompt "which"\n${entry('OFF')}endchoice\n${entry('ON')}`],
  ])('is more than that when it is %s', async (_what, text) => {
    expect(await classesOfKconfigs(entry('ON'), text)).toEqual([['v0'], ['v1']]);
  });

  it('counts where another file forces the new symbol', async () => {
    const forced = { 'b/Kconfig': entry('OTHER', 'default y', 'imply OFF') };
    await write([
      { name: 'old', files: { ...base, ...forced, Kconfig: entry('ON') } },
      { name: 'new', files: { Kconfig: entry('ON') + entry('OFF') } },
    ]);
    const records = [record({ sources: ['a.c'], kconfig: ['Kconfig', 'b/Kconfig'], symbols: ['ON'] })];
    expect(await classesOf(records)).toEqual([['old'], ['new']]);
  });

  it('is also a line of a makefile that adds to a list of something that is off', async () => {
    const makefile = (...lines: string[]) => ({ 'drivers/Makefile': `${lines.join('\n')}\n` });
    const on = 'obj-$(CONFIG_ON) += on.o';
    await write([
      { name: 'old', files: { ...base, ...makefile(on) } },
      { name: 'off', files: makefile('obj-$(CONFIG_OFF) += off/', on) },
      { name: 'more', files: makefile('obj-$(CONFIG_OFF) += off/ \\', '  more/', on) },
      { name: 'flags', files: makefile(on, 'ccflags-y += -DX') },
      { name: 'moved', files: makefile(on, 'obj-$(CONFIG_ON) += also.o', 'obj-$(CONFIG_OFF) += off/') },
    ]);
    const records = [record({ makefiles: ['drivers/Makefile'], symbols: ['ON'] })];
    expect(await classesOf(records)).toEqual([['old', 'off', 'more'], ['flags'], ['moved']]);
  });
});

describe('a change of a source that no compiler sees', () => {
  const header = (field: string) => `#ifdef CONFIG_OFF\nstruct {\n${field}\n};\n#endif\nint x;\n`;
  const sources = ['a.c', 'b.c', 'x.h'];

  beforeEach(() =>
    write([
      { name: 'old', files: { ...base, 'x.h': header('int a;'), 'b.c': 'int b; /* one */' } },
      { name: 'remark', files: { 'b.c': 'int b; // two' } },
      { name: 'off', files: { 'x.h': header('long a;') } },
      { name: 'seen', files: { 'b.c': 'int c; // two' } },
    ]),
  );

  it('decides nothing', async () => {
    expect(await classesOf([record({ sources })])).toEqual([['old', 'remark', 'off'], ['seen']]);
  });

  it('counts where the symbol is on, is defined by hand, or the headers are in the image', async () => {
    const whole = [['old', 'remark'], ['off'], ['seen']];
    expect(await classesOf([record({ sources, symbols: ['OFF'] })])).toEqual(whole);
    expect(await classesOf([record({ sources, defined: ['OFF'] })])).toEqual(whole);
    const apart = [['old'], ['remark'], ['off'], ['seen']];
    expect(await classesOf([record({ sources, symbols: ['IKHEADERS'] })])).toEqual(apart);
  });

  it('counts where a script reads the source, and where the build did not tell', async () => {
    expect(await classesOf([record({ sources, texts: ['b.c'] })])).toEqual([
      ['old'],
      ['remark', 'off'],
      ['seen'],
    ]);
    const older = record({ sources });
    expect(await classesOf([{ ...older, texts: undefined }])).toEqual([
      ['old'],
      ['remark'],
      ['off'],
      ['seen'],
    ]);
  });
});

describe('what a build compiles, from the dependencies and the diffs', () => {
  it('is every object of which a file differs between the tree and the commit, each once', async () => {
    await write([
      { name: 'old', files: base },
      { name: 'header', files: { 'x.h': '1' } },
      { name: 'source', files: { 'b.c': '1' } },
      { name: 'back', files: { 'x.h': '0' } },
    ]);
    const range = await changesOf('old', 'back');
    const sources = ['a.c', 'b.c', 'x.h'];
    const objects = { 'a.o': ['a.c', 'x.h'], 'b.o': ['b.c', 'x.h'], 'c.o': [] };
    const consumed = consumedBy([record({ sources, objects })]);
    const relevance = consumed.relevance(range.changes, range.mentions, new Set());
    const rebuilds = new Rebuilds(
      range.changes,
      collapse(range.changes, relevance, new Map(), (_path, content) => content),
      consumed,
      (_path, content) => content,
    );
    const objectsOf = (from: string, to: string) =>
      rebuilds.objects(range.changes.nodeOf(ids.get(from)!), range.changes.nodeOf(ids.get(to)!)!);
    expect(objectsOf('old', 'header')).toBe(2);
    expect(objectsOf('header', 'source')).toBe(1);
    expect(objectsOf('old', 'source')).toBe(2);
    expect(objectsOf('back', 'old')).toBe(1);
    expect(rebuilds.objects(undefined, 0)).toBe(3);
  });
});
