import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CommandFiles } from './command-files.js';

const never = new AbortController().signal;

describe('the command files of a tree', () => {
  let tree: string;
  let files: CommandFiles;
  beforeEach(async () => {
    tree = await mkdtemp(join(tmpdir(), 'kbisect-command-files-'));
    await mkdir(join(tree, 'fs'));
    files = new CommandFiles();
  });
  afterEach(() => rm(tree, { recursive: true }));

  /** As kbuild leaves it when it compiles at a time, in seconds. */
  async function compile(object: string, headers: readonly string[], at: number): Promise<void> {
    const path = join(tree, `fs/.${object}.cmd`);
    const deps = headers.map((header) => `  ${header} \\\n`).join('');
    const source = `source_fs/${object} := fs/${object.replace('.o', '.c')}`;
    await writeFile(path, `cmd_fs/${object} := gcc -c\n${source}\ndeps_fs/${object} := \\\n${deps}\n`);
    await utimes(path, at, at);
  }
  const needs = async (began = 0) => {
    const { files: all, compiled } = await files.read(tree, began, never);
    return { needs: Object.fromEntries(all.map((file) => [file.target, file.needs])), compiled };
  };

  it('are read anew when a build has written them', async () => {
    await compile('open.o', ['include/a.h'], 100);
    await compile('read.o', ['include/a.h'], 100);
    const first = { 'fs/open.o': ['fs/open.c', 'include/a.h'], 'fs/read.o': ['fs/read.c', 'include/a.h'] };
    expect(await needs()).toEqual({ needs: first, compiled: 2 });
    await compile('open.o', ['include/b.h'], 200); // as long as before
    const second = { ...first, 'fs/open.o': ['fs/open.c', 'include/b.h'] };
    expect(await needs(150_000)).toEqual({ needs: second, compiled: 1 });
  });

  it('are forgotten when they are gone', async () => {
    await compile('open.o', ['include/a.h'], 100);
    await needs();
    await rm(join(tree, 'fs/.open.o.cmd'));
    expect(await needs()).toEqual({ needs: {}, compiled: 0 });
  });
});
