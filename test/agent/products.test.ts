import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { archOf } from '@kbisect/agent/boot/arch';
import { BuildTree } from '@kbisect/agent/build/build-tree';
import { configure } from '@kbisect/agent/build/configure';
import { buildKernel } from '@kbisect/agent/build/kbuild';
import { packProducts, unpackProducts } from '@kbisect/agent/build/products';
import { probeSandbox, type Sandbox } from '@kbisect/agent/build/sandbox';
import { Mirror } from '@kbisect/agent/source/mirror';
import { Worktree } from '@kbisect/agent/source/worktree';
import { digestOf, digestOfFile } from '@kbisect/shared/digest';
import { Git } from '@kbisect/shared/git';
import type { CommitId } from '@kbisect/shared/ids';
import { runText } from '@kbisect/shared/process';
import { makeTinyHistory } from '../fixtures/tiny-history.js';
import { workbench } from '../fixtures/workbench.js';

const signal = new AbortController().signal;
const arch = archOf('x86_64')!;
let sandbox: Sandbox;
let directory: string;
let mirror: Mirror;
let ids: ReadonlyMap<string, CommitId>;

beforeAll(async () => {
  sandbox = await probeSandbox();
  directory = await mkdtemp(join(tmpdir(), 'kbisect-products-'));
  const origin = join(directory, 'origin');
  ids = await makeTinyHistory(origin, [
    { name: 'theirs', change: { kind: 'sysctl', path: 'fs/protected_symlinks', value: 1 } },
    { name: 'docs', change: { kind: 'docs', line: 'that nobody reads' } },
    { name: 'ours', change: { kind: 'sysctl', path: 'fs/protected_symlinks', value: 2 } },
  ]);
  mirror = await Mirror.open(join(directory, 'mirror'));
  await mirror.git.text(['fetch', '--quiet', origin, 'main:refs/kbisect/all']);
});
afterAll(() => rm(directory, { recursive: true }));

/** Builds in a tree of that name. */
async function build(
  name: string,
  commit: string,
  adopt: (tree: BuildTree) => Promise<void> = () => Promise.resolve(),
) {
  const tree = await BuildTree.open(new Worktree(mirror, join(directory, name)));
  const source = { commit: ids.get(commit)!, fixups: [], recipe: digestOf('a'), family: digestOf('b') };
  await tree.checkout(source, signal);
  const bench = await workbench(tree.directory, 'x86_64', { sandbox });
  const config = () => configure({ bench, base: undefined, profile: undefined, fragments: [], signal });
  const logPath = join(directory, 'log');
  const began = Date.now();
  await tree.build(async () => {
    await config();
    await adopt(tree);
    await tree.overlook(signal);
    const more = { signal, onProgress: () => undefined };
    const outcome = await buildKernel({ bench, target: arch.target, jobs: 2, logPath, ...more });
    expect(outcome.kind).toBe('built');
  }, signal);
  const record = await tree.record({ seconds: 1, began, asked: [] }, signal);
  const { digest: image } = await digestOfFile(join(tree.directory, arch.image));
  const compiled = [...(await readFile(logPath, 'utf8')).matchAll(/^ {2}(?:CC|AS) +(\S+)/gm)];
  return { tree, record, image, compiled: compiled.map(([, object]) => object) };
}

describe('what another tree has made', () => {
  it('is built upon: only what differs is compiled, to the bytes of a clean build', async () => {
    if (sandbox.kind === 'none') return;
    const theirs = await build('theirs', 'theirs');
    expect(theirs.compiled.length).toBeGreaterThan(5);
    const packed = join(directory, 'packed');
    expect(await packProducts(theirs.tree.directory, packed, signal)).toBe(true);
    const foreign = { commit: ids.get('theirs')!, record: theirs.record };
    const ours = await build('ours', 'ours', async (tree) => {
      expect(tree.isEmpty).toBe(true);
      await tree.adopt(foreign, () => unpackProducts(packed, tree.directory, sandbox, signal), signal);
    });
    expect(ours.compiled).toEqual(['kernel/sysctl.o']);
    expect(ours.image).toBe((await build('clean', 'ours')).image);
    // What was read there counts as read here, and what differs alone does not.
    expect(ours.record.files).toEqual(theirs.record.files);
    expect(ours.record.files).not.toContain('Documentation/notes.txt');
    // The files of the commit are as git has them, and git knows it.
    const status = ['status', '--porcelain', '--untracked-files=no'];
    expect(await new Git(ours.tree.directory).text(status)).toBe('');
    expect((await build('ours', 'theirs')).image).toBe(theirs.image);
  });

  it('leaves an empty tree when it cannot be unpacked', async () => {
    const packed = join(directory, 'half');
    await writeFile(packed, 'half of something');
    const { record } = await build('theirs', 'theirs');
    await build('refused', 'ours', async (tree) => {
      const unpack = () => unpackProducts(packed, tree.directory, sandbox, signal);
      const adopted = tree.adopt({ commit: ids.get('theirs')!, record }, unpack, signal);
      await expect(adopted).rejects.toMatchObject({ code: 'data-loss' });
      await expect(stat(join(tree.directory, '.config'))).rejects.toThrow();
      const bench = await workbench(tree.directory, 'x86_64', { sandbox });
      await configure({ bench, base: undefined, profile: undefined, fragments: [], signal });
    });
  });

  it('writes over no file of the commit, and nowhere else', async () => {
    if (sandbox.kind === 'none') return;
    const place = join(directory, 'hostile');
    await mkdir(join(place, 'in'), { recursive: true });
    await writeFile(join(place, 'in/Makefile'), 'all:; @echo something else\n');
    await writeFile(join(place, 'outside'), '');
    const packed = join(directory, 'hostile.tar');
    const args = ['--create', '--zstd', '-P', `--file=${packed}`, 'Makefile', '../outside'];
    await runText({ program: 'tar', args, cwd: join(place, 'in') });
    const tree = new Worktree(mirror, join(directory, 'target'));
    await tree.checkout(ids.get('ours')!, signal);
    await unpackProducts(packed, tree.directory, sandbox, signal).catch(() => undefined);
    expect(await new Git(tree.directory).text(['status', '--porcelain'])).toBe('');
    await expect(stat(join(directory, 'outside'))).rejects.toThrow();
  });
});
