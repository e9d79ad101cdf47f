import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { archOf } from '@kbisect/agent/boot/arch';
import { BuildTree } from '@kbisect/agent/build/build-tree';
import { CacheProxy } from '@kbisect/agent/build/cache-proxy';
import { Ccache } from '@kbisect/agent/build/ccache';
import { configure } from '@kbisect/agent/build/configure';
import { buildKernel } from '@kbisect/agent/build/kbuild';
import { makeCommand, type Workbench } from '@kbisect/agent/build/make';
import { probeSandbox } from '@kbisect/agent/build/sandbox';
import { Mirror } from '@kbisect/agent/source/mirror';
import { Worktree } from '@kbisect/agent/source/worktree';
import { encodeBuildRecord } from '@kbisect/shared/build-record';
import { digestOf, digestOfFile, type Digest } from '@kbisect/shared/digest';
import type { CommitId } from '@kbisect/shared/ids';
import { run } from '@kbisect/shared/process';
import { makeTinyHistory } from '../fixtures/tiny-history.js';
import { workbench } from '../fixtures/workbench.js';

const signal = new AbortController().signal;
const arch = archOf('x86_64')!;
const recipe = digestOf('a recipe');
const family = digestOf('a family');
let directory: string;
let mirror: Mirror;
let ids: ReadonlyMap<string, CommitId>;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kbisect-trees-'));
  const origin = join(directory, 'origin');
  ids = await makeTinyHistory(origin, [
    { name: 'first' },
    { name: 'breaks', change: { kind: 'build', broken: true } },
    { name: 'docs', change: { kind: 'docs', line: 'more' } },
    { name: 'mends', change: { kind: 'build', broken: false } },
    { name: 'value', change: { kind: 'sysctl', path: 'fs/protected_symlinks', value: 1 } },
    { name: 'other-value', change: { kind: 'sysctl', path: 'fs/protected_symlinks', value: 2 } },
    { name: 'remark', change: { kind: 'comment', words: 'no compiler sees this' } },
    { name: 'last-value', change: { kind: 'sysctl', path: 'fs/protected_symlinks', value: 3 } },
    { name: 'more-docs', change: { kind: 'docs', line: 'still more' } },
  ]);
  mirror = await Mirror.open(join(directory, 'mirror'));
  await mirror.git.text(['fetch', '--quiet', origin, 'main:refs/kbisect/all']);
});
afterAll(() => rm(directory, { recursive: true }));

const openTree = (name: string) => BuildTree.open(new Worktree(mirror, join(directory, name)));

async function build(
  tree: BuildTree,
  name: string,
  more: Partial<Workbench> = {},
  fixups: string[] = [],
  own: { recipe?: Digest; anyConfig?: boolean; profile?: string } = {},
) {
  const picked = fixups.map((fixup) => ids.get(fixup)!);
  const source = { commit: ids.get(name)!, fixups: picked, recipe, family, ...own };
  await tree.checkout(source, signal);
  const bench = await workbench(tree.directory, 'x86_64', more);
  const began = Date.now();
  const outcome = await tree.build(async () => {
    await configure({ bench, base: undefined, profile: own.profile, fragments: [], signal });
    await tree.overlook(signal);
    const logPath = join(directory, 'log');
    return buildKernel({ bench, target: arch.target, jobs: 2, logPath, signal, onProgress: () => undefined });
  }, signal);
  if (outcome.kind === 'built') await tree.record({ seconds: 1, began, asked: [] }, signal);
  const image = await digestOfFile(join(tree.directory, arch.image)).catch(() => undefined);
  return { outcome, image: image?.digest };
}

describe('a build tree', () => {
  it('gives the same bytes from another tree, warm or cold, in a sandbox and without, with ccache and without', async () => {
    const plain = await build(await openTree('plain'), 'value');
    expect(plain.outcome.kind).toBe('built');
    const bench = await workbench(directory);
    const ccache = await Ccache.open(join(directory, 'ccache'), [bench.toolchain]);
    const more = { sandbox: await probeSandbox(), ccache };
    const warm = await openTree('a-tree-of-another-name');
    await build(warm, 'first', more);
    expect((await build(warm, 'value', more)).image).toBe(plain.image);
    const hits = (await ccache!.statistics()).get('direct_cache_hit') ?? 0;
    expect((await build(await openTree('third'), 'value', more)).image).toBe(plain.image);
    expect((await ccache!.statistics()).get('direct_cache_hit')).toBeGreaterThan(hits + 10);
  });

  it('gives the same bytes upon objects of another configuration, where that is allowed, as from nothing', async () => {
    const modular = { recipe: digestOf('with modules'), profile: 'CONFIG_MODULES=y\n' };
    const cold = await build(await openTree('cold-modules'), 'value', {}, [], modular);
    const warm = await openTree('warm-modules');
    await build(warm, 'value');
    const source = { commit: ids.get('value')!, fixups: [], family, recipe: modular.recipe };
    expect(warm.isWarmFor(source)).toBe(false);
    expect(warm.isWarmFor({ ...source, anyConfig: true })).toBe(true);
    expect(warm.isWarmFor({ ...source, anyConfig: true, family: digestOf('another compiler') })).toBe(false);
    const upon = await build(warm, 'value', {}, [], { ...modular, anyConfig: true });
    expect(upon).toEqual(cold);
    // What was built with a mixture is not taken for a tree of the first recipe.
    expect(warm.isWarmFor({ ...source, recipe })).toBe(false);
  });

  it('hides from make a change that no compiler sees, and not the next one', async () => {
    const first = await openTree('remarks');
    const before = await build(first, 'other-value');
    const record = await first.record({ seconds: 1, began: Date.now(), asked: [] }, signal);
    // The miniature's makefile leaves no list of what an object is made of, as kbuild does.
    const needs = [record.files.indexOf('kernel/sysctl.c')];
    const likeKbuilds = { ...record, tools: [], objects: [{ path: 'kernel/sysctl.o', needs }] };
    await writeFile(`${first.directory}.record`, await encodeBuildRecord(likeKbuilds));

    const tree = await openTree('remarks');
    const changedAt = async () => (await stat(join(tree.directory, 'kernel/sysctl.c'))).mtimeMs;
    const at = await changedAt();
    const source = { fixups: [], recipe, family };
    expect(await tree.shareToCompile({ ...source, commit: ids.get('last-value')! })).toBe(1);
    expect(await tree.shareToCompile({ ...source, commit: ids.get('remark')! })).toBe(0);
    expect((await build(tree, 'remark')).image).toBe(before.image);
    expect(await changedAt()).toBeLessThanOrEqual(at);
    // Nor does the next checkout write it anew.
    await build(tree, 'remark');
    expect(await changedAt()).toBeLessThanOrEqual(at);
    const after = await build(tree, 'last-value');
    expect(await changedAt()).toBeGreaterThan(at);
    expect(after.image).toBe((await build(await openTree('cold-last-value'), 'last-value')).image);
  });

  it('says what was read, and not what was not', async () => {
    const tree = await openTree('plain');
    await build(tree, 'value');
    const { files, makefiles } = await tree.record({ seconds: 1, began: Date.now(), asked: [] }, signal);
    expect(files).toEqual(
      expect.arrayContaining(['kernel/sysctl.c', 'include/kernel.h', 'Kconfig', 'Makefile']),
    );
    expect(files).not.toContain('Documentation/notes.txt');
    expect(makefiles.map((index) => files[index])).toContain('Makefile');
  });

  it('is not trusted after a build that was killed, and is after one that ended, whatever of', async () => {
    const tree = await openTree('killed');
    await build(tree, 'first');
    expect((await openTree('killed')).warm).toEqual({ commit: ids.get('first'), recipe });
    await tree.checkout({ commit: ids.get('value')!, fixups: [], recipe, family }, signal);
    await writeFile(join(tree.directory, 'kernel/sysctl.o'), 'half of an obj');
    const found = await openTree('killed');
    expect(found.warm).toBeUndefined();
    expect((await build(found, 'value')).outcome.kind).toBe('built');
    expect((await build(found, 'breaks')).outcome.kind).toBe('failed');
    expect(found.warm?.commit).toBe(ids.get('breaks'));
  });

  it('is not built upon by what another recipe’s build that failed has left, of which there is no record', async () => {
    const tree = await openTree('failed');
    await build(tree, 'first');
    const other = { recipe: digestOf('another recipe') };
    expect((await build(tree, 'breaks', {}, [], other)).outcome.kind).toBe('failed');
    expect(tree.warm).toBeUndefined();
    expect((await openTree('failed')).warm).toBeUndefined();
  });

  it('is emptied when what changes was read by a build that is not in the record', async () => {
    const before = await openTree('read');
    await build(before, 'last-value');
    const source = { commit: ids.get('more-docs')!, fixups: [], recipe, family };
    const path = `${before.directory}.state`;
    const upon = async (read: string[]) => {
      const state = JSON.parse(await readFile(path, 'utf8')) as { reads: { files: string[] } };
      state.reads.files.push(...read);
      await writeFile(path, JSON.stringify({ ...state, building: false }));
      const tree = await openTree('read');
      await tree.checkout(source, signal);
      return !tree.isEmpty;
    };
    expect(await upon([])).toBe(true);
    await build(await openTree('read'), 'last-value');
    expect(await upon(['Documentation/notes.txt'])).toBe(false);
  });

  it('has fix-ups picked on top of the commit, and names the files where one does not apply', async () => {
    const tree = await openTree('fixups');
    expect((await build(tree, 'docs', {}, ['mends'])).outcome.kind).toBe('built');
    expect((await build(tree, 'docs')).outcome).toMatchObject({ kind: 'failed' });
    await expect(build(tree, 'first', {}, ['other-value'])).rejects.toThrow(
      /does not apply: .*kernel\/sysctl\.c/,
    );
  });
});

describe('ccache', () => {
  it('has a kernel source compiled without a preprocessor before it, unless it reads what ccache would not see', async () => {
    const tree = join(directory, 'incbin');
    await mkdir(tree);
    const bench = await workbench(tree);
    const ccache = (await Ccache.open(join(directory, 'ccache-incbin'), [bench.toolchain]))!;
    await writeFile(
      join(tree, 'try.mk'),
      'all: plain.o reads.o host.o\n%.o: %.c\n\tgcc -Wp,-MMD,$@.d $(flags) -c -o $@ $<\nplain.o reads.o: flags = -D__KERNEL__\n',
    );
    await writeFile(join(tree, 'plain.h'), '#define ONE 1\n');
    await writeFile(join(tree, 'plain.c'), '#include "plain.h"\nint one(void) { return ONE; }\n');
    await writeFile(join(tree, 'host.c'), '#include <limits.h>\nint most(void) { return INT_MAX; }\n');
    await writeFile(join(tree, 'reads.c'), 'asm(".incbin \\"data\\"");\n');
    const objects = async (data: string) => {
      await writeFile(join(tree, 'data'), data);
      const done = await run(makeCommand({ ...bench, ccache }, ['-B', '-f', 'try.mk']));
      expect(done.status).toBe(0);
      return readFile(join(tree, 'reads.o'), 'latin1');
    };
    expect(await objects('the first data')).toContain('the first data');
    expect(await objects('the other data')).toContain('the other data');
    const statistics = await ccache.statistics();
    expect(statistics.get('direct_cache_hit')).toBe(2); // plain and host, the second time
    expect(statistics.get('preprocessed_cache_miss')).toBe(1); // host, the first time
    await writeFile(join(tree, 'plain.h'), '#define ONE 2\n');
    await objects('the other data');
    expect((await ccache.statistics()).get('cache_miss')).toBe(3);
  });
});

describe('a contained build', () => {
  it('cannot write beside its tree, and reaches the objects of the farm and nothing else', async () => {
    const sandbox = await probeSandbox();
    if (sandbox.kind === 'none') return;
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(request.url ?? '');
      response.end('an object');
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const objects = await CacheProxy.listen(
      () => `http://127.0.0.1:${port}/ccache`,
      () => undefined,
    );
    try {
      const tree = join(directory, 'contained');
      await mkdir(tree);
      const bench = await workbench(tree);
      const ccache = await Ccache.open(join(directory, 'ccache'), [bench.toolchain]);
      const command = makeCommand({ ...bench, sandbox, ccache, objects }, ['-f', 'try.mk']);
      const ask = (url: string) =>
        `node -e "fetch('${url}').then(r=>r.text()).then(console.log,()=>console.log('no'))"`;
      await writeFile(
        join(tree, 'try.mk'),
        `all:\n\t@touch inside; touch ${directory}/outside; touch /usr/outside 2>/dev/null || echo refused\n` +
          `\t@${ask('http://127.0.0.1:3128/ab/cd')}; ${ask('http://127.0.0.1:3128/../git')}; ${ask(`http://127.0.0.1:${port}/`)}\n`,
      );
      const done = await run(command);
      expect(done.stdout.toString('utf8').trim().split('\n')).toEqual([
        'refused',
        'an object',
        'an object',
        'no',
      ]);
      expect(asked).toEqual(['/ccache/ab/cd', '/ccache/git']);
      await stat(join(tree, 'inside'));
      await expect(stat(join(directory, 'outside'))).rejects.toThrow();
    } finally {
      await objects.close();
      server.close();
    }
  });
});
