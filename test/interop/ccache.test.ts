import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runText } from '@kbisect/shared/process';
import { CacheServer } from '../cache/cache-server.js';
import { installPackage } from './debian-package.js';

let lacking: string | undefined;
let server: CacheServer;
let directory: string;

beforeAll(async () => {
  lacking = await installPackage('ccache');
  directory = await mkdtemp(join(tmpdir(), 'kbisect-ccache-'));
  server = await CacheServer.start();
});
afterAll(async () => {
  await server.close();
  await rm(directory, { recursive: true });
});

/** Compiles the same program in a directory of its own, with a local cache of its own; gives ccache's own counts. */
async function compileIn(
  name: string,
  storage: string,
): Promise<{ object: Buffer; counts: Map<string, number> }> {
  const tree = join(directory, name);
  await mkdir(tree);
  await writeFile(join(tree, 'add.h'), 'static inline int add(int a, int b) { return a + b; }\n');
  await writeFile(join(tree, 'main.c'), '#include "add.h"\nint main(void) { return add(1, -1); }\n');
  const env = {
    ...process.env,
    CCACHE_DIR: join(directory, `${name}.ccache`),
    CCACHE_BASEDIR: tree,
    CCACHE_NOHASHDIR: '1',
    CCACHE_REMOTE_STORAGE: storage,
  };
  await runText({ program: 'ccache', args: ['gcc', '-c', '-o', 'main.o', 'main.c'], cwd: tree, env });
  const stats = await runText({ program: 'ccache', args: ['--print-stats'], env });
  const counts = stats.split('\n').map((line) => line.split('\t') as [string, string]);
  return {
    object: await readFile(join(tree, 'main.o')),
    counts: new Map(counts.map(([counter, count]) => [counter, Number(count)])),
  };
}

it.for(['flat', 'bazel', 'subdirs'])(
  'ccache finds in one directory what it compiled in another: %s layout',
  async (layout, { skip }) => {
    if (lacking !== undefined) skip(lacking);
    const storage = `${server.url}/ac|layout=${layout}`;
    const first = await compileIn(`${layout}-one`, storage);
    expect(first.counts.get('cache_miss')).toBe(1);
    expect(first.counts.get('remote_storage_write')).toBeGreaterThan(0);
    const second = await compileIn(`${layout}-two`, storage);
    expect(second.counts.get('cache_miss')).toBe(0);
    expect(second.counts.get('remote_storage_hit')).toBe(1);
    expect(second.counts.get('remote_storage_error')).toBe(0);
    expect(second.object.equals(first.object)).toBe(true);
  },
);
